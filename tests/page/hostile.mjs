// Writes traces whose names would be markup, end a script, run as one or turn text round: node hostile.mjs >FILE

const names = [
  "<script>alert(1)</script>",
  "</script><img src=x onerror=alert(2)>",
  "javascript:alert(3)",
  '"><svg onload=alert(4)>',
  "line\u2028separator\u2029 and \u202ereversed\u202c",
  "' onmouseover='alert(5)",
  "<!--",
];
const text = (value) => ({ stringValue: value });
const id = (number, digits) => number.toString(16).padStart(digits, "0");
const time = (ms) => `${1767225600000 + ms}000000`;

for (const [number, name] of names.entries()) {
  const trace = id(number + 1, 32);
  const begin = number * 1000;
  const span = (own, parent, kind, from, to, more) => ({
    traceId: trace,
    spanId: id(own, 16),
    parentSpanId: parent ? id(parent, 16) : "",
    name,
    kind,
    startTimeUnixNano: time(begin + from),
    endTimeUnixNano: time(begin + to),
    ...more,
  });
  const calls = names.flatMap((target, place) =>
    [...Array(8).keys()].map((call) => {
      const from = 10 * (8 * place + call) + 1;
      return span(2 + 8 * place + call, 1, 3, from, from + 8, {
        status: { code: 2, message: name },
        attributes: ["server.address", "peer.service", "code.file.path"].map((key) => ({ key, value: text(target) })),
      });
    }),
  );
  const resource = { attributes: [{ key: "service.name", value: text(name) }] };
  console.log(JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span(1, 0, 2, 0, 900, {}), ...calls] }] }] }));
}
