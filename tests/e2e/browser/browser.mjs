// Chromium, what is looked for on every page, and how a flow says what holds.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

export const task = JSON.parse(process.argv[2]);
const require = createRequire(`${task.modules}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const PATIENCE = Number(process.env.BROWSER_PATIENCE_MS ?? 60_000);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has something done to the stack. */
export async function act(word) {
  console.log(`do ${word}`);
  await answers.next();
}

export function ok(condition, name, why = "") {
  console.log(condition ? `ok ${name}` : `no ${name} ## ${String(why).replaceAll("\n", " | ").slice(0, 1500)}`);
  return Boolean(condition);
}

/** FLOWS=overview,live: these alone, after signing in. */
const chosen = process.env.FLOWS?.split(",");

/** A flow that breaks off is one that failed; the next one goes on. */
export async function flow(name, page, run) {
  if (chosen && name !== "sign-in" && !chosen.includes(name)) return;
  const began = Date.now();
  try {
    await run();
  } catch (error) {
    ok(false, name, `${error.stack ?? error} at ${page.url()}`);
    await page.screenshot({ path: `${task.pictures}/failed-${name.replace(/\W+/g, "-")}.png` }).catch(() => {});
  }
  console.log(`# ${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

export const seen = { console: [], elsewhere: [], dialogs: [] };
/** A status that a flow asks for: Chromium writes it to the console as an error of its own. */
export const expected = new Set();

function watch(page) {
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const text = message.text();
    if (text.startsWith("Failed to load resource") && [...expected].some((e) => text.includes(e))) return;
    seen.console.push(`${page.url()}: ${text}`);
  });
  page.on("pageerror", (error) => seen.console.push(`${page.url()}: ${error}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${task.url}/`) && !url.startsWith(`blob:${task.url}`)) seen.elsewhere.push(url);
  });
  page.on("dialog", (dialog) => {
    seen.dialogs.push(dialog.message());
    void dialog.dismiss();
  });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

export async function newPage(options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, colorScheme: "light", acceptDownloads: true, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: task.url });
  const page = await context.newPage();
  watch(page);
  return page;
}

export const close = () => browser.close();

export const at = (path) => `${task.url}/admin/diagnostics${path}`;

/** Moves within the page, as a link does: nothing is loaded again. */
export async function go(page, path) {
  await page.evaluate((to) => {
    history.pushState(null, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
  }, `/admin/diagnostics${path}`);
  await page.locator("main h1").first().waitFor();
}

export async function signIn(page, name) {
  await page.getByLabel("Name").fill(`${name}-test`);
  await page.getByLabel("Password").fill(task.passwords[name]);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Colours are looked at in both themes, everything else once. */
export async function accessible(page, name) {
  await page.evaluate(axe);
  const found = [];
  for (const scheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" }); // colours on their way are none
    const options = scheme === "dark" ? { runOnly: ["color-contrast"] } : {};
    const { violations } = await page.evaluate((o) => globalThis.axe.run(o), options);
    for (const v of violations) found.push(`${scheme} ${v.id}: ${v.nodes.slice(0, 2).map((n) => `${n.html.slice(0, 150)} ${n.failureSummary}`).join("; ")}`);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "no-preference" });
  ok(found.length === 0, `${name}: axe finds nothing, in light and dark`, found.join(" || "));
}

export async function picture(page, name, scheme = "light") {
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" }); // no colour on its way
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${task.pictures}/${name}.png` });
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "no-preference" });
}

/** No page is wider than its window. */
export async function fits(page, width, height) {
  const before = page.viewportSize();
  await page.setViewportSize({ width, height });
  await page.waitForTimeout(100);
  const wide = await page.evaluate(() => {
    const main = document.querySelector("main");
    return Math.max(document.documentElement.scrollWidth - innerWidth, main ? main.scrollWidth - main.clientWidth : 0);
  });
  await page.setViewportSize(before);
  return wide <= 0 ? "" : `${page.url()} is ${wide} px too wide at ${width}`;
}
