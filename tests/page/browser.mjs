// Tries the HTML report in a headless Chromium: node browser.mjs PAGE...
//
// Each page is opened from disk at two widths, in light and dark, with scripts and without. What must hold: no request, no
// error on the console, no scrolling to the side, nothing serious that axe-core finds; and search, filters, order, a problem
// that opens, the brush, the flame graph and the keys do what they are for.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { chromium } from "playwright-core";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** Opens a page; whatever it asks for or complains about is a fault. */
async function open(file, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => /^(file|data):/.test(request.url()) || faults.push(`asked for ${request.url()}`));
  page.on("dialog", (dialog) => faults.push(`opened a dialog: ${dialog.message()}`));
  const begin = Date.now();
  await page.goto(`file://${resolve(file)}`, { waitUntil: "load" });
  return { context, page, faults, took: Date.now() - begin };
}

const shown = (page) => page.locator("#list > li:visible").count();
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

async function tryLooks(file) {
  for (const width of [1280, 400]) {
    for (const colorScheme of ["light", "dark"]) {
      const { context, page, faults, took } = await open(file, { viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
      assert.ok(await overflow(page) <= 0, `${file} is wider than ${width} pixels`);
      await page.addScriptTag({ path: axe });
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], `${file}, ${width}, ${colorScheme}`);
      assert.deepEqual(faults, []);
      console.log(`${file}: ${width} pixels, ${colorScheme}: open after ${took} ms`);
      await context.close();
    }
  }
}

async function tryWithoutScripts(file) {
  const { context, page, faults } = await open(file, { javaScriptEnabled: false });
  const all = await page.locator("#list > li").count();
  if (all > 0) {
    await page.locator("#list summary").first().click();
    assert.ok(await page.locator("#list .fix").first().isVisible(), "a problem opens without scripts");
  }
  assert.ok(await page.locator("#tools").count() === 0 || !(await page.locator("#tools").isVisible()), "what needs scripts is not there");
  if (await page.locator("#timeline").count()) {
    assert.ok(await page.locator("#static-plot svg").isVisible(), "the timeline is drawn");
  }
  assert.deepEqual(faults, []);
  await context.close();
}

async function tryWork(file) {
  const { context, page, faults } = await open(file, {});
  const all = await shown(page);
  if (all > 1) {
    const title = (await page.locator("#list .title").nth(1).innerText()).split("\n")[0];
    await page.fill("#q", title);
    assert.ok((await shown(page)) >= 1 && (await shown(page)) <= all, "the search leaves what was looked for");
    await page.fill("#q", "no problem is called like this");
    assert.equal(await shown(page), 0);
    assert.match(await page.locator("#count").innerText(), new RegExp(`^0 of ${all} `));
    await page.fill("#q", "");

    const detector = await page.locator("#by-detector option").nth(1).innerText();
    await page.selectOption("#by-detector", detector);
    const of = await page.locator("#list > li:visible").evaluateAll((items) => items.map((item) => item.dataset.detector));
    assert.ok(of.length > 0 && of.every((name) => name === detector), "the filter leaves its detector");
    await page.selectOption("#by-detector", "");

    for (const order of ["requests", "saving", "failed", "wasted"]) {
      await page.selectOption("#order", order);
      const values = await page.locator("#list > li").evaluateAll((items, key) => items.map((item) => +item.dataset[key]), order);
      assert.deepEqual(values, [...values].sort((left, right) => right - left), `the largest ${order} come first`);
    }
    await page.selectOption("#order", "rank");

    // By keys alone.
    const first = page.locator("#list summary").first();
    await first.focus();
    await page.keyboard.press("Enter");
    assert.ok(await page.locator("#list .fix").first().isVisible(), "Enter opens a problem");
    if (await page.locator("#list .w").count()) {
      assert.ok(await page.locator("#list .w li").first().isVisible(), "its trace is there");
    }

    // A link opens what it leads to.
    const anchor = await page.locator("#list > li > details").nth(1).getAttribute("id");
    await page.evaluate((hash) => (location.hash = hash), anchor);
    await page.waitForFunction((id) => document.getElementById(id).open, anchor);
  }
  if (await page.locator("#brush:visible").count()) {
    const over = page.locator("#plot .u-over").first();
    await over.scrollIntoViewIfNeeded();
    const box = await over.boundingBox();
    await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40, { steps: 4 });
    await page.mouse.up();
    assert.match(await page.locator("#brushed").innerText(), /requests, .* failed/, "the brush says what it holds");
    await page.click("#clear");
    assert.equal(await page.locator("#brushed").innerText(), "");
    assert.equal(await shown(page), all, "all problems are back");
    await page.locator("#from").focus();
    for (let step = 0; step < 3; step += 1) await page.keyboard.press("ArrowRight");
    assert.match(await page.locator("#brushed").innerText(), /requests/, "keys move the brush");
    await page.click("#clear");
  }
  if (await page.locator(".flame").count()) {
    const frames = page.locator(".flame").first().locator(":scope > svg");
    if ((await frames.count()) > 2) {
      const width = () => frames.nth(1).evaluate((frame) => parseFloat(frame.getAttribute("width")));
      const before = await width();
      await frames.nth(0).focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      const zoomed = await page.evaluate(() => parseFloat(document.activeElement.getAttribute("width")));
      assert.ok(Math.abs(zoomed - 100) < 0.1, "a frame that is chosen takes the whole width");
      await page.keyboard.press("Escape");
      assert.ok(Math.abs((await width()) - before) < 0.1, "and gives it back");
    }
  }
  if (await page.locator("#map-by").count()) {
    const edge = page.locator(".map path[data-w]").first();
    await page.selectOption("#map-by", "0");
    const [calls] = (await edge.getAttribute("data-w")).split(" ");
    assert.equal(await edge.getAttribute("stroke-width"), calls);
  }
  assert.deepEqual(faults, []);
  await context.close();
}

try {
  for (const file of process.argv.slice(2)) {
    await tryLooks(file);
    await tryWithoutScripts(file);
    await tryWork(file);
  }
} finally {
  await browser.close();
}
