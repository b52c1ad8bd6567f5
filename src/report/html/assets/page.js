"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);

  let apply = () => {};
  let tell = () => {};

  // A link to a problem opens it.
  const openTarget = () => {
    const target = byId(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") {
      target.open = true;
      target.closest("li").hidden = false;
      tell();
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", openTarget);

  // Problems: search, filter, order, and the times that were brushed.
  const list = byId("list");
  let times = null;
  if (list) {
    const items = [...list.children];
    const [search, detector, service, order] = ["q", "by-detector", "by-service", "order"].map(byId);
    const largestFirst = { saving: 1, failed: 1, wasted: 1, requests: 1 };
    tell = () => {
      const shown = items.filter((item) => !item.hidden).length;
      byId("count").textContent = shown === items.length ? `${shown} shown` : `${shown} of ${items.length} shown`;
    };
    apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const item of items) {
        const text = item.textContent.toLowerCase();
        const of = item.dataset;
        item.hidden = !(
          words.every((word) => text.includes(word)) &&
          (!detector.value || of.detector === detector.value) &&
          (!service.value || of.service === service.value) &&
          (!times || (+of.last >= times[0] && +of.first <= times[1]))
        );
      }
      tell();
      const key = order.value;
      const value = (item) => +item.dataset[key] * (largestFirst[key] ? -1 : 1);
      const rank = (item) => +item.dataset.rank;
      list.append(...[...items].sort((left, right) => value(left) - value(right) || rank(left) - rank(right)));
    };
    byId("tools").hidden = false;
    byId("tools").addEventListener("submit", (event) => event.preventDefault());
    byId("tools").addEventListener("input", apply);
    apply();
  }

  // The service map: what the width of lines means.
  const mapBy = byId("map-by");
  if (mapBy) {
    byId("map-tools").hidden = false;
    mapBy.addEventListener("change", () => {
      for (const edge of document.querySelectorAll(".map path[data-w]")) {
        edge.setAttribute("stroke-width", edge.dataset.w.split(" ")[+mapBy.value]);
      }
    });
  }

  // Flame graphs: a frame that is chosen takes the whole width, by mouse or keys.
  for (const flame of document.querySelectorAll(".flame")) {
    const frames = [...flame.children].filter((child) => child.tagName === "svg").map((element, index) => ({
      element,
      index,
      left: parseFloat(element.getAttribute("x")),
      width: parseFloat(element.getAttribute("width")),
      top: +element.getAttribute("y"),
    }));
    if (!frames.length) continue;
    let zoomed = null;
    const zoom = (frame) => {
      zoomed = frame === zoomed ? null : frame;
      const from = zoomed ? zoomed.left : 0;
      const width = zoomed ? zoomed.width : 100;
      for (const { element, left, width: own } of frames) {
        const start = Math.max(left, from);
        const end = Math.min(left + own, from + width);
        const share = Math.max(0, ((end - start) / width) * 100);
        element.setAttribute("x", `${((start - from) / width) * 100}%`);
        element.setAttribute("width", `${share}%`);
        element.setAttribute("visibility", share > 0.01 ? "visible" : "hidden");
        const title = element.querySelector("title").textContent;
        let text = element.querySelector("text");
        if (!text && share > 5) {
          text = document.createElementNS("http://www.w3.org/2000/svg", "text");
          text.setAttribute("x", "4");
          text.setAttribute("y", "14");
          text.textContent = title.slice(0, title.lastIndexOf(": "));
          element.append(text);
        }
        if (text) text.setAttribute("visibility", share > 5 ? "inherit" : "hidden");
      }
    };
    const focus = (frame) => {
      frames.forEach(({ element }) => element.setAttribute("tabindex", "-1"));
      frame.element.setAttribute("tabindex", "0");
      frame.element.focus();
    };
    const inside = (outer, inner) => inner.left >= outer.left - 0.01 && inner.left + inner.width <= outer.left + outer.width + 0.01;
    flame.removeAttribute("role");
    frames.forEach((frame) => {
      frame.element.setAttribute("role", "button");
      frame.element.setAttribute("tabindex", frame.index === 0 ? "0" : "-1");
      frame.element.addEventListener("click", () => zoom(frame));
      frame.element.addEventListener("keydown", (event) => {
        const row = frames.filter(({ top }) => top === frame.top).sort((left, right) => left.left - right.left);
        const place = row.indexOf(frame);
        const next = {
          ArrowRight: row[place + 1],
          ArrowLeft: row[place - 1],
          ArrowDown: frames.find((other) => other.top === frame.top + 20 && inside(frame, other)),
          ArrowUp: frames.find((other) => other.top === frame.top - 20 && inside(other, frame)),
        }[event.key];
        if (next) {
          event.preventDefault();
          focus(next);
        } else if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          zoom(frame);
        } else if (event.key === "Escape" && zoomed) {
          zoom(zoomed);
        }
      });
    });
  }

  // The timeline, with a brush that chooses problems by time.
  const line = data.timeline;
  if (line && line.t.length > 1 && typeof uPlot === "function") {
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const plot = byId("plot");
    const of = (name) => line[name];
    // Steps of less than a second are told apart.
    const digits = line.step < 1 ? 23 : 19;
    const clock = (seconds) => new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, digits);
    const duration = (ms) => (ms === null || ms === undefined ? "–" : ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 2 : 0)} ms`);
    const clockOnAxis = (_, values, __, ___, step) =>
      values.map((seconds) => (step < 60 ? clock(seconds).slice(11, step < 1 ? 23 : 19) : step < 86400 ? clock(seconds).slice(11, 16) : clock(seconds).slice(5, 10)));
    const axis = (more) => ({ stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") }, ...more });
    const marks = {
      hooks: {
        draw: (chart) => {
          const { ctx } = chart;
          ctx.save();
          ctx.strokeStyle = colour("--soft");
          ctx.fillStyle = colour("--soft");
          ctx.setLineDash([2, 3]);
          for (const [time, rank] of line.seen) {
            const x = Math.round(chart.valToPos(time, "x", true));
            if (x < chart.bbox.left || x > chart.bbox.left + chart.bbox.width) continue;
            ctx.beginPath();
            ctx.moveTo(x, chart.bbox.top);
            ctx.lineTo(x, chart.bbox.top + chart.bbox.height);
            ctx.stroke();
            ctx.fillText(String(rank), x + 3, chart.bbox.top + 10);
          }
          ctx.restore();
        },
      },
    };
    const bars = uPlot.paths.bars({ size: [1, 40], align: 1 });
    const common = (height) => ({
      width: Math.max(280, plot.clientWidth),
      height,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      cursor: { sync: { key: "time" }, drag: { x: true, y: false, setScale: false } },
      legend: { live: true },
    });
    // The last column has its whole width.
    const whole = { time: true, range: () => [line.t[0], line.t[line.t.length - 1] + line.step] };
    const time = { label: "UTC", value: (_, seconds) => (seconds === null ? "–" : clock(seconds)) };
    const counts = new uPlot(
      {
        ...common(190),
        plugins: [marks],
        scales: { x: whole, y: { range: (_, low, high) => [0, Math.max(high, 1)] } },
        axes: [axis({ values: clockOnAxis, space: 90 }), axis({ size: 56 })],
        series: [
          time,
          { label: "requests", paths: bars, fill: colour("--bar"), stroke: colour("--bar"), points: { show: false } },
          { label: "failed", paths: bars, fill: colour("--bad"), stroke: colour("--bad"), points: { show: false } },
          { label: "retries", stroke: colour("--warn"), width: 1.5, points: { show: false } },
        ],
      },
      [of("t"), of("requests"), of("failed"), of("retries")],
      plot,
    );
    const durations = new uPlot(
      {
        ...common(170),
        scales: { x: whole, y: { range: (_, low, high) => [0, Math.max(high, 0.1)] } },
        axes: [axis({ values: clockOnAxis, space: 90 }), axis({ size: 56, values: (_, values) => values.map((value) => duration(value)) })],
        series: [
          time,
          { label: "p50", stroke: colour("--good"), width: 1.5, spanGaps: true, value: (_, value) => duration(value) },
          { label: "p99", stroke: colour("--mark"), width: 1.5, spanGaps: true, value: (_, value) => duration(value) },
        ],
      },
      [of("t"), of("p50"), of("p99")],
      plot,
    );
    if (byId("static-plot")) byId("static-plot").hidden = true;
    addEventListener("resize", () => {
      for (const chart of [counts, durations]) chart.setSize({ width: Math.max(280, plot.clientWidth), height: chart.height });
    });

    const [from, to] = ["from", "to"].map(byId);
    const last = line.t.length - 1;
    from.max = to.max = String(last);
    to.value = String(last);
    byId("brush").hidden = false;
    byId("brush").addEventListener("submit", (event) => event.preventDefault());
    const sum = (name, first, end) => of(name).slice(first, end + 1).reduce((all, count) => all + count, 0);
    const brush = (first, end, source) => {
      const isAll = first === 0 && end === last;
      from.value = String(first);
      to.value = String(end);
      byId("from-text").textContent = clock(line.t[first]);
      byId("to-text").textContent = clock(line.t[end] + line.step);
      times = isAll ? null : [line.t[first] * 1000, (line.t[end] + line.step) * 1000];
      byId("brushed").textContent = isAll
        ? ""
        : `${sum("requests", first, end)} requests, ${sum("failed", first, end)} failed, ${sum("retries", first, end)} retries in these times; the problems above are those seen in them`;
      for (const chart of [counts, durations]) {
        if (chart === source) continue;
        const left = chart.valToPos(line.t[first], "x");
        const right = chart.valToPos(line.t[end] + line.step, "x");
        chart.setSelect(isAll ? { left: 0, width: 0, top: 0, height: 0 } : { left, width: right - left, top: 0, height: chart.over.clientHeight }, false);
      }
      apply();
    };
    const index = (seconds) => Math.min(last, Math.max(0, Math.floor((seconds - line.t[0]) / line.step)));
    // The mouse may be let go anywhere.
    let isDrawn = false;
    for (const chart of [counts, durations]) {
      chart.hooks.setSelect = [
        () => {
          const { left, width } = chart.select;
          if (isDrawn || width <= 2) return;
          isDrawn = true;
          brush(index(chart.posToVal(left, "x")), index(chart.posToVal(left + width, "x")), chart);
          isDrawn = false;
        },
      ];
    }
    from.addEventListener("input", () => brush(Math.min(+from.value, +to.value), +to.value));
    to.addEventListener("input", () => brush(+from.value, Math.max(+from.value, +to.value)));
    byId("clear").addEventListener("click", () => brush(0, last));
    brush(0, last);
  }
  openTarget();
})();
