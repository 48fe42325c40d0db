// First paint, and the first rows in sight, of pages in Chromium; a payload's first lines, and its frames while it
// scrolls. Told what by its argument (pages.py), says a line of JSON for each load.
import { createRequire } from "node:module";

const task = JSON.parse(process.argv[2]);
const require = createRequire(`${task.modules}/`);
const { chromium } = require("playwright-core");
const SCROLLED = 150; // frames

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // The certificate is known by its key: for one that is merely put up with Chromium keeps nothing in its cache.
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    `--ignore-certificate-errors-spki-list=${task.key}`],
});

/** In the page: when something of this kind is drawn first, in ms since one went there. */
function watch(selector) {
  const look = () => {
    if (globalThis.seenAfter !== undefined || !document.querySelector(selector)) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => (globalThis.seenAfter = performance.now())));
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true, subtree: true });
}

function figures() {
  const [page] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return { paint: paint?.startTime ?? null, seen: globalThis.seenAfter, bytes: page.transferSize + performance.getEntriesByType("resource").reduce((n, r) => n + r.transferSize, 0) };
}

const context = (state) => browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "light", ...(state ? { storageState: state } : {}) });

async function signedIn() {
  const first = await context();
  const page = await first.newPage();
  await page.goto(`${task.url}/admin/diagnostics/`);
  await page.getByLabel("Name").fill(task.name);
  await page.getByLabel("Password").fill(task.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  const state = await first.storageState();
  await first.close();
  return state;
}

async function load(where, { path, selector }) {
  const page = await where.newPage();
  page.setDefaultTimeout(60_000);
  await page.addInitScript(watch, selector);
  await page.goto(`${task.url}/admin/diagnostics${path}`, { waitUntil: "commit" });
  await page.locator(selector).first().waitFor();
  for (;;) { // the policy lets nothing be polled in the page itself
    const found = await page.evaluate(figures);
    if (found.seen !== undefined && found.paint !== null) return { page, found };
    await page.waitForTimeout(20);
  }
}

/** Times between frames while each moves the text by so many pixels (0: somewhere else). */
function scrolled({ step, count }) {
  return new Promise((resolve) => {
    const text = document.querySelector(".code");
    const times = [];
    let before = 0;
    const frame = (now) => {
      if (before) times.push(now - before);
      before = now;
      if (times.length >= count) return resolve(times);
      text.scrollTop = step ? text.scrollTop + step : ((times.length * 7919) % 1000) / 1000 * text.scrollHeight;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

const say = (line) => console.log(JSON.stringify(line));
const state = await signedIn();
for (const one of task.pages) {
  for (let n = 0; n < task.loads; n++) {
    const where = await context(state);
    const cold = await load(where, one);
    await cold.page.close();
    const warm = await load(where, one);
    say({ name: one.name, cold: cold.found, warm: warm.found });
    await where.close();
  }
}
if (task.payload) {
  for (let n = 0; n < task.loads; n++) {
    const where = await context(state);
    const { page, found } = await load(where, { path: task.payload, selector: ".code-line:not(.code-probe)" });
    await page.locator(".viewer-text[aria-busy=false]").waitFor();
    const read = await page.evaluate(() => performance.now());
    const asked = await page.evaluate(() => performance.getEntriesByType("resource").filter((r) => r.name.includes("/payload")).map((r) => ({ from: r.startTime, first: r.responseStart, end: r.responseEnd, packed: r.encodedBodySize, bytes: r.decodedBodySize }))[0]);
    const frames = {};
    if (n === task.loads - 1) for (const step of [300, 2000, 0]) frames[step] = await page.evaluate(scrolled, { step, count: SCROLLED });
    say({ name: "payload", ...found, read, asked, frames });
    await where.close();
  }
}
await browser.close();
