// What people do with the diagnostics pages. Each flow is a function; the order is at the end.
import { readFileSync } from "node:fs";
import { severalTenants } from "./several.mjs";
import { pasted } from "./pasted.mjs";
import { PATIENCE, accessible, act, at, close, expected, fits, flow, go, newPage, ok, picture, seen, signIn, task } from "./browser.mjs";

const { ids } = task;
const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const grid = (page) => page.getByRole("grid", { name: "Interactions" });
const rowCount = async (page) => page.locator(".grid-row a.open").count();

async function signingIn(page) {
  expected.add("401").add("404"); // the one who is not signed in yet; a document that never went to the lake
  await page.goto(at("/interactions?last=7d"));
  await page.getByRole("heading", { name: "fhirbus diagnostics" }).waitFor();
  await accessible(page, "sign-in");
  await picture(page, "sign-in");
  const csp = (await page.request.get(at("/"))).headers()["content-security-policy"] ?? "";
  ok(csp.includes("script-src 'self'") && !csp.includes("unsafe") && csp.includes("require-trusted-types-for"), "the policy allows nothing inline", csp);
  await page.getByLabel("Name").fill("operator-test");
  await page.getByLabel("Password").fill("not it");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("alert").waitFor();
  ok((await page.getByRole("alert").innerText()).includes("do not belong together"), "a wrong password is said to be wrong");
  await signIn(page, "operator");
  await heading(page, "Interactions");
  ok(page.url().endsWith("/interactions?last=7d"), "who signs in comes to the page that was asked for", page.url());
}

/** Received, without what leaks there, is Judged; and so on. Valid is no step on the way. */
function addUp(steps) {
  const sum = (lines, pattern) => lines.reduce((n, line) => n + Number(pattern.exec(line)?.[1].replace(/,/g, "") ?? 0), 0);
  const read = steps.map((text) => ({ title: text.split("\n")[0].trim(), lines: text.split("\n").map((l) => l.trim()) }))
    .map(({ title, lines }) => ({ title, n: Number(lines.find((l) => /^[\d,]+$/.test(l)).replace(/,/g, "")),
      minus: sum(lines, /^– ([\d,]+)/), plus: sum(lines, /^\+ ([\d,]+)/), invalid: sum(lines, /^([\d,]+) (?:of them )?invalid/) }));
  const [received, judged, valid, accepted, sent, complete] = read;
  const faults = [];
  const way = [received, judged, accepted, sent, complete];
  way.slice(1).forEach((step, i) => { if (way[i].n - way[i].minus + step.plus !== step.n) faults.push(`${step.title}: ${way[i].n} - ${way[i].minus} + ${step.plus} is not ${step.n}`); });
  if (valid.n + valid.invalid !== judged.n) faults.push(`valid ${valid.n} and invalid ${valid.invalid} are not ${judged.n}`);
  if (!accepted.invalid || accepted.n - accepted.invalid > valid.n) faults.push(`accepted ${accepted.n}, ${accepted.invalid} invalid`);
  return faults.length ? `${faults.join("; ")} of ${JSON.stringify(read)}` : "";
}

async function overview(page) {
  await go(page, "/");
  await page.locator(".funnel").waitFor();
  const received = Number((await page.locator(".funnel-figure").first().innerText()).replace(/\D/g, ""));
  ok(received >= 20, "the funnel counts what was received", received);
  ok((await page.locator(".funnel > li").count()) === 6, "and what is left at each step");
  const wrong = addUp(await page.locator(".funnel > li").allInnerTexts());
  ok(!wrong, "each step is the one before without its leaks", wrong);
  ok((await page.locator(".chart-place canvas").count()) === 4, "rates, latencies and lag are charts");
  ok((await page.locator(".attention > li").count()) > 0, "what needs attention is listed");
  await page.getByRole("button", { name: "as table" }).first().click();
  ok((await page.locator(".chart-table tbody tr").count()) > 0, "a chart is a table as well");
  await page.getByRole("button", { name: "as chart" }).first().click();
  await accessible(page, "overview");
  await picture(page, "overview");
  await picture(page, "overview-dark", "dark");
  await page.locator(".leaks a", { hasText: "failed" }).first().click();
  await heading(page, "Interactions");
  await page.locator(".grid-row a.open").first().waitFor();
  ok(page.url().includes("state=FAIL") && (await rowCount(page)) === ids.failed.length, "a leak leads to the documents that it counts", page.url());
}

async function interactions(page) {
  await go(page, "/interactions?last=24h");
  await page.locator(".grid-row a.open").first().waitFor();
  ok((await rowCount(page)) >= 15, "the grid lists documents", await rowCount(page));
  await page.getByRole("columnheader", { name: "Errors" }).click();
  await page.locator('[role=columnheader][aria-sort="descending"]', { hasText: "Errors" }).waitFor();
  await page.locator(".grid-row a.open").first().waitFor();
  const errors = async () => page.locator(".grid-row").evaluateAll((rows) => rows.map((r) => [Number(/translateY\((\d+)/.exec(r.style.transform)[1]), Number(r.querySelectorAll("[role=gridcell]")[6].textContent.replace(/\D/g, ""))]).sort((a, b) => a[0] - b[0]).map((r) => r[1]));
  const sorted = await errors();
  ok(sorted.length > 3 && sorted.every((n, i) => i === 0 || sorted[i - 1] >= n), "sorted by errors, most first", sorted);
  await page.getByRole("button", { name: "State", exact: true }).click();
  await page.getByRole("checkbox", { name: /^failed/ }).check();
  await page.keyboard.press("Escape");
  await page.locator(".chip", { hasText: "State: failed" }).waitFor();
  await page.waitForFunction((n) => document.querySelectorAll(".grid-row a.open").length === n, ids.failed.length);
  ok(page.url().includes("state=FAIL") && page.url().includes("sort=errors"), "filter and order stand in the address", page.url());
  await page.getByRole("button", { name: "Clear all" }).click();
  await page.getByRole("combobox", { name: "Search for" }).selectOption("bundle_id");
  await page.getByRole("searchbox").fill("hostile");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".grid-row a.open").length === 1);
  ok((await page.locator(".grid-row").innerText()).includes(ids.hostile), "found by bundle id");
  await page.getByRole("button", { name: "Clear all" }).click();
  await page.getByRole("combobox", { name: "Search for" }).selectOption("patient");
  await page.getByRole("searchbox").fill("MRN-000017");
  await page.keyboard.press("Enter");
  await page.locator(".chip", { hasText: "Patient" }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".grid-row a.open").length > 1);
  ok(!page.url().includes("MRN"), "a patient's identifier finds documents, and does not stand in the address", page.url());
  await page.getByRole("button", { name: "Clear all" }).click();
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("checkbox", { name: "SHA-256" }).check();
  await page.keyboard.press("Escape");
  await page.getByRole("columnheader", { name: "SHA-256" }).waitFor();
  ok(page.url().includes("payload_sha256"), "columns are chosen, and stand in the address");
  await page.getByRole("button", { name: "Saved views" }).click();
  await page.getByLabel("Name of this view").fill("With hashes");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.keyboard.press("Escape");
  await go(page, "/interactions");
  await page.getByRole("button", { name: "Saved views" }).click();
  await page.getByRole("button", { name: "With hashes", exact: true }).click();
  await page.getByRole("columnheader", { name: "SHA-256" }).waitFor();
  ok(page.url().includes("payload_sha256"), "a view that was saved comes back");
  await go(page, "/interactions?last=24h&sort=received_at:desc");
  await page.locator(".grid-row a.open").first().waitFor();
  await accessible(page, "interactions");
  await picture(page, "interactions");
}

async function exporting(page) {
  for (const format of ["CSV", "NDJSON"]) {
    await page.getByRole("button", { name: "Export" }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: format }).click()]);
    const text = readFileSync(await download.path(), "utf8");
    ok(text.includes(ids.taken) && text.includes(ids.discarded), `export as ${format} holds the rows`, text.slice(0, 200));
  }
}

async function live(page) {
  await go(page, "/interactions?last=24h&live=1&sort=errors:desc");
  await page.getByText("not live: that goes with newest first").waitFor();
  ok((await page.locator(".live-dot").count()) === 0, "another order is not live, and says so");
  await page.getByRole("button", { name: "Live" }).click();
  await page.locator(".live-dot").waitFor();
  const before = await page.locator(".grid-row a.open").first().getAttribute("href");
  await page.waitForTimeout(500);
  await act("send");
  await page.waitForFunction((old) => document.querySelector('.grid-row[aria-rowindex="2"] a.open')?.getAttribute("href") !== old, before);
  ok(true, "live: a new document comes in by itself");
  await page.getByRole("combobox", { name: "Search for" }).selectOption("patient");
  await page.getByRole("searchbox").fill("MRN-000017");
  await page.keyboard.press("Enter");
  await page.getByText("not live: each look for a patient goes on record").waitFor();
  await page.locator(".grid-row a.open").first().waitFor();
  const looks = [];
  const look = (request) => request.url().includes("patient=") && looks.push(request.url());
  page.on("request", look);
  await page.waitForTimeout(3500); // what is filtered is looked at every three seconds
  page.off("request", look);
  ok(looks.length === 0, "nobody is looked for behind one's back", looks);
  await page.getByRole("button", { name: "Clear all" }).click();
  await page.locator(".live-dot").waitFor();
  await page.getByRole("button", { name: "Live" }).click();
}

async function keyboard(page) {
  await page.goto(at("/interactions?last=24h"));
  await page.locator(".grid-row a.open").first().waitFor();
  await page.keyboard.press("Tab");
  ok((await page.evaluate(() => document.activeElement.textContent)) === "Skip to the content", "the first stop skips to the content");
  await page.keyboard.press("Enter");
  ok((await page.evaluate(() => document.activeElement.id)) === "main", "and does");
  for (let i = 0; i < 40 && (await page.evaluate(() => document.activeElement.getAttribute("role"))) !== "columnheader"; i++) await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  const active = () => page.evaluate(() => [document.activeElement.getAttribute("role"), document.activeElement.dataset.row, document.activeElement.dataset.column].join());
  await page.waitForFunction(() => document.activeElement.dataset.column === "1");
  ok((await active()) === "gridcell,1,1", "arrows move from cell to cell", await active());
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  ok(ring === "solid", "the focus is seen", ring);
  await page.keyboard.press("Control+End");
  await page.waitForFunction(() => Number(document.activeElement.dataset.row) > 10);
  await page.keyboard.press("Control+Home");
  await page.waitForFunction(() => document.activeElement.dataset.row === "0");
  await page.keyboard.press(" ");
  ok((await page.locator(".selection").innerText()).includes("1 selected"), "Space selects");
  await page.keyboard.press("Enter");
  await page.locator(".tabs").waitFor();
  ok(/\/interactions\/[0-9a-f-]{36}/.test(page.url()), "Enter opens", page.url());
  await page.getByRole("button", { name: "Replay…" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const focused = await page.evaluate(() => document.activeElement.textContent);
  ok(focused === "Replay…", "a dialog that is closed gives the focus back", focused);
  await page.getByRole("button", { name: "← back" }).click();
  await heading(page, "Interactions");
  await page.waitForFunction(() => document.activeElement.dataset.row === "0");
  ok((await active()) === "gridcell,0,0", "and who comes back is on the row that was left", await active());
}

const openOne = async (page, id, tab) => {
  await go(page, `/interactions/${id}?of=qe-a${tab ? `&tab=${tab}` : ""}`);
  await page.locator(".tabs").waitFor();
};

/** The payload by keyboard alone: found in, gone through, copied. */
async function searched(page) {
  task.lastLine ??= readFileSync(task.example, "utf8").split("\n").at(-1).trim();
  const code = page.getByRole("region", { name: "Payload" });
  await code.focus();
  await page.keyboard.press("Control+f");
  await page.locator(".code-find input:focus").waitFor();
  await page.keyboard.type("RESOURCETYPE");
  const said = page.locator(".code-find [role=status]");
  await said.filter({ hasText: /^Line \d+/ }).waitFor();
  const first = await said.innerText();
  await page.keyboard.press("Enter");
  await said.filter({ hasNotText: first }).waitFor();
  ok((await page.locator(".code-line .found-here").innerText()) === "resourceType", "words are found in the payload, one after another", `${first} ${await said.innerText()}`);
  await page.keyboard.press("Shift+Enter");
  await said.filter({ hasText: first }).waitFor();
  ok((await said.innerText()) === first, "and back", `${first} ${await said.innerText()}`);
  await accessible(page, "search in the payload");
  await page.keyboard.press("Escape");
  await page.keyboard.press("End");
  const last = await page.locator(".code-line.here").innerText();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await page.locator(".viewer-bar [role=status]", { hasText: "Line 2," }).waitFor();
  ok(last.trim() === task.lastLine && (await page.locator(".code-line.here").innerText()).includes("resourceType"), "it is gone through by keyboard, and lines are told", last);
  await page.keyboard.press("Control+a");
  const copied = await page.evaluate(() => {
    const data = new DataTransfer();
    document.activeElement.dispatchEvent(new ClipboardEvent("copy", { clipboardData: data, bubbles: true, cancelable: true }));
    return data.getData("text/plain");
  });
  ok(JSON.parse(copied).resourceType === "Bundle", "all of it is copied, not what is seen alone", copied.slice(0, 300));
}

async function oneInteraction(page) {
  await go(page, `/interactions?last=24h&interaction_id=${ids.taken}&columns=received_at,patient_mrn`);
  await page.locator(".grid-row a.open").waitFor();
  ok(!(await page.locator(".grid-row").innerText()).includes("MRN-000017"), "patients' identifiers are masked in the grid");
  await page.getByRole("button", { name: "Reveal identifiers…" }).click();
  await page.getByRole("button", { name: "Reveal", exact: true }).click();
  await page.locator(".grid-row", { hasText: "MRN-000017" }).waitFor();
  ok(true, "until they are revealed");
  await openOne(page, ids.taken);
  ok((await page.getByRole("link", { name: "← interactions" }).count()) === 1, "an address that was opened by itself leads to the list");
  await page.locator(".code-line").nth(20).waitFor();
  await page.locator('.viewer-text[aria-busy="false"]').waitFor();
  const text = await page.locator(".code-body").innerText();
  ok(text.includes('"resourceType": "Bundle"') && !text.includes("MRN-000017"), "the payload is set out, and masked", text.slice(0, 300));
  await page.locator(".issue-list button", { hasText: "AdministrativeGender" }).first().click();
  await page.locator(".code-line.target-line").waitFor();
  const path = await page.locator(".viewer-path").innerText();
  ok(path.startsWith("Bundle.entry["), "an issue leads to its place, the path is shown", path);
  ok((await page.locator(".code-line.target-line").innerText()).includes("gender"), "which is the right one", await page.locator(".code-line.target-line").innerText());
  ok((await page.locator(".code-line.issue-error").count()) > 0, "lines with issues are marked");
  ok((await page.getByRole("img", { name: /^Line \d+, error: .*AdministrativeGender/ }).count()) === 1, "and their marks say what is wrong");
  const said = page.locator(".payload-bar [role=status]", { hasText: /gender, line \d+/ });
  const line = /line (\d+),/.exec(await page.locator('.issue-list [aria-current="true"]').innerText())[1];
  ok((await said.innerText()).endsWith(`, line ${line}`), "as it was sent its line is the one that the issue names", await said.innerText());
  await searched(page);
  await page.getByRole("button", { name: "Formatted" }).click();
  await page.locator('.viewer-text[aria-busy="false"]').waitFor();
  await page.locator(".issue-list button", { hasText: "AdministrativeGender" }).first().click();
  await said.filter({ hasText: `(${line} as sent)` }).waitFor();
  ok((await page.locator(".code-line.target-line").innerText()).includes("gender"), "formatted, both lines are told");
  await page.getByRole("button", { name: "As sent" }).click();
  await page.locator('.viewer-text[aria-busy="false"]').waitFor();
  await page.getByLabel("Group by").selectOption("resource");
  await page.locator(".issue-group h2", { hasText: /Patient\/\w-\d \(entry 0\)/ }).waitFor();
  ok((await page.locator(".issue-group h2").count()) > 2, "issues are grouped by resource", await page.locator(".issue-group h2").allInnerTexts());
  await accessible(page, "one interaction");
  await picture(page, "interaction");
  await page.locator(".issue-list button", { hasText: "AdministrativeGender" }).first().click();
  await page.locator(".code-line.target-line").waitFor();
  await page.locator(".code").evaluate((code) => (code.scrollTop += 40));
  const place = () => page.evaluate(() => [".code", ".issues"].map((of) => document.querySelector(of).scrollTop).join());
  const before = await place();
  await page.getByRole("button", { name: "Reveal…" }).click();
  await page.getByRole("button", { name: "Reveal", exact: true }).click();
  await page.locator(".payload .badge", { hasText: "revealed" }).waitFor();
  await page.locator(".issue-list button", { hasText: "'femal'" }).first().waitFor();
  await page.locator(".code-line.target-line", { hasText: "femal" }).waitFor();
  await page.locator('.viewer-text[aria-busy="false"]').waitFor();
  ok((await place()) === before && !/^0,/.test(before), "a reveal leaves one where one was", `${before} ${await place()}`);
  ok((await page.locator('.issue-list button[aria-current="true"]').allInnerTexts()).join().includes("femal"), "with the issue that was chosen", await page.locator('.issue-list button[aria-current="true"]').allInnerTexts());
  await page.getByRole("region", { name: "Payload" }).press("Control+f");
  await page.locator(".code-find input:focus").waitFor();
  await page.keyboard.type("MRN-000017");
  await page.locator(".code-line .found-here", { hasText: "MRN-000017" }).waitFor();
  await page.keyboard.press("Escape");
  ok(true, "revealed after it was asked for");
  await page.getByRole("tab", { name: "Facts" }).click();
  await page.locator(".facts", { hasText: "MRN-000017" }).waitFor();
  ok(true, "and so are the identifiers among the facts");
  await page.getByRole("tab", { name: /^Issues/ }).click();
  await page.locator(".code-line", { hasText: "MRN-000017" }).waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download" }).click()]);
  const sent = readFileSync(task.example, "utf8").replaceAll("screening-0001", "taken");
  ok(readFileSync(await download.path(), "utf8") === sent, "the download is what was sent, byte for byte");
  await pasted(page, ids.taken, sent);
}

async function partsOfOne(page) {
  await openOne(page, ids.taken, "timeline");
  await page.locator(".timeline > li").nth(3).waitFor();
  const steps = await page.locator(".timeline").innerText();
  ok(steps.includes("complete") && /\+ .*ms|\+ .*s/.test(steps), "the timeline has its events with their durations", steps);
  await accessible(page, "timeline");
  await picture(page, "timeline");
  await openOne(page, ids.ruled, "told");
  await page.locator(".told").first().waitFor();
  const told = await page.locator(".versus").innerText();
  const cutOff = () => page.locator(".told .badge").evaluateAll((all) => all.filter((b) => b.scrollWidth > b.clientWidth).length);
  await page.setViewportSize({ width: 360, height: 740 });
  ok((await cutOff()) === 0, "severities stand whole on a phone", await cutOff());
  await page.setViewportSize({ width: 1440, height: 900 });
  ok(told.includes("mild/gender") && told.includes("Thank you") && told.includes("changed the severity"), "told beside what the engine said, and which rule it was", told);
  await accessible(page, "told and judged");
  await picture(page, "told");
  await openOne(page, ids.ruled, "lake");
  await page.locator(".attempt").first().waitFor();
  ok((await page.locator(".attempt").count()) >= 1, "every attempt is listed");
  await page.locator(".cm-changedLine").first().waitFor();
  const diff = (await page.locator(".diff .cm-content").allInnerTexts()).join("\n");
  ok(diff.includes("seen") || diff.includes("OperationOutcome"), "the lake's payload as a difference", diff.slice(0, 500));
  await accessible(page, "lake");
  await picture(page, "lake-dark", "dark");
  await openOne(page, ids.taken, "replays");
  const replay = page.locator(".panel", { hasText: "Replay of" }).first();
  await replay.waitFor();
  const differs = await replay.innerText();
  ok(/invalid\s*→\s*valid/.test(differs) && differs.includes("gone") && differs.includes("Thank you"), "a replay says what it judged otherwise: from, to, what is new, what is gone", differs);
  await accessible(page, "replays of one");
}

async function replaying(page) {
  await go(page, "/interactions?last=24h&state=FAIL&tenant=qe-a&live=1"); // the dead letter, of another tenant, is for its own page
  await page.locator(".grid-row a.open").first().waitFor();
  const failed = await rowCount(page);
  await page.locator('.grid-row[aria-rowindex="2"] [role=gridcell]').first().click();
  await page.locator(".selection").getByRole("button", { name: "Replay…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Hand on to the lake").check();
  await dialog.getByRole("button", { name: "Dry run" }).click();
  await dialog.getByText("nothing has happened yet").waitFor();
  await accessible(page, "replay dialog");
  await picture(page, "replay");
  await dialog.getByRole("button", { name: "Hand on 1" }).click();
  await dialog.locator(".badge", { hasText: "done" }).waitFor();
  ok(true, "a selection is replayed, after a dry run");
  await page.keyboard.press("Escape");
  await page.waitForFunction((n) => document.querySelectorAll(".grid-row a.open").length === n, failed - 1);
  ok((await page.locator(".selection").count()) === 0, "live: what is in that state no more is gone, from the selection too");
  await go(page, "/replays");
  await page.locator("table tbody tr").first().waitFor();
  await accessible(page, "replays");
  await go(page, `/replays?id=${ids.replay}`);
  const differ = page.locator(".panel", { hasText: "Documents that differ" });
  await differ.locator(".badge", { hasText: "masked" }).waitFor();
  ok(!(await differ.innerText()).includes("femal"), "what a replay tells of documents is masked", await differ.innerText());
  await differ.getByRole("button", { name: "Reveal texts…" }).click();
  await dialog.getByRole("button", { name: "Reveal", exact: true }).click();
  await differ.locator(".badge", { hasText: "revealed" }).waitFor();
  ok((await differ.innerText()).includes("femal"), "until it is revealed", await differ.innerText());
  await go(page, "/replays");
  await page.getByRole("button", { name: "Replay what failed" }).click();
  await dialog.getByLabel("At most so many").fill("1");
  await dialog.getByRole("button", { name: "Dry run" }).click();
  await dialog.getByRole("button", { name: /^Replay \d/ }).click();
  const cancel = dialog.getByRole("button", { name: "Cancel the replay" });
  await cancel.waitFor();
  await cancel.click();
  await dialog.locator(".badge", { hasText: "cancelled" }).waitFor();
  ok(true, "a failed list is replayed slowly, and cancelled");
  await page.keyboard.press("Escape");
}

async function letters(page) {
  await go(page, "/dead-letters");
  await page.locator("table tbody tr").first().waitFor();
  await accessible(page, "dead letters");
  const row = await page.locator("table tbody tr").first().innerText();
  ok(row.includes("slip/t") && row.includes("validated") && row.includes("lake-submitter"), "a dead letter says why, from where and by whom", row);
  await page.getByRole("button", { name: "Reveal texts…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Reveal", exact: true }).click();
  await page.locator(".badge", { hasText: "revealed" }).waitFor();
  ok(true, "and its text can be revealed");
  await page.getByLabel("From topic").fill("nowhere");
  await page.keyboard.press("Tab");
  await page.getByText("None.").waitFor();
  await page.getByLabel("From topic").fill("");
  await page.keyboard.press("Tab");
  await page.getByRole("checkbox", { name: "Choose all on this page" }).check();
  ok((await page.getByRole("checkbox", { name: /Choose record/ }).evaluateAll((all) => all.every((box) => box.checked))), "dead letters are filtered, and chosen all at once");
  await page.getByRole("checkbox", { name: "Choose all on this page" }).uncheck();
  await page.getByRole("checkbox", { name: /Choose record/ }).first().check();
  await page.getByRole("button", { name: /^Re-drive/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Hand on to the lake").check();
  await dialog.getByRole("button", { name: "Dry run" }).click();
  await dialog.getByText("nothing has happened yet").waitFor();
  await dialog.getByRole("button", { name: "Hand on 1" }).click();
  await dialog.locator(".badge", { hasText: "done" }).waitFor();
  ok(true, "a dead letter is driven again, after a dry run");
  await page.keyboard.press("Escape");
  for (let n = 0; n < 100 && !(await page.getByText("delivered since", { exact: true }).count()); n++) {
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.waitForTimeout(300);
  }
  ok((await page.getByText("delivered since", { exact: true }).count()) > 0, "and its record says what became of it");
}

async function rules(page) {
  await go(page, "/rules?name=mild");
  const editor = page.locator(".rules-editor .cm-content");
  await editor.waitFor();
  await accessible(page, "rules");
  await page.getByLabel("or on these interactions").fill(ids.taken);
  await page.getByRole("button", { name: "Dry run" }).click();
  await page.getByText("Nothing was stored or sent").waitFor();
  ok((await page.locator("table").innerText()).includes(ids.taken), "rules are tried on a real interaction");
  await picture(page, "rules");
  await page.locator("main .badge", { hasText: "masked" }).waitFor();
  await page.getByRole("button", { name: "Reveal texts…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Reveal", exact: true }).click();
  await page.locator("main .badge", { hasText: "revealed" }).waitFor();
  ok(true, "and what they changed can be revealed");
  await page.getByLabel("or on these interactions").fill("01923456-0000-4000-8000-00000000dead");
  await page.getByRole("button", { name: "Dry run" }).click();
  await page.getByText("The interaction that was asked for is not known here").waitFor();
  ok(true, "and what is not known is said to be so");
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(JSON.stringify({ name: "mild", about: "Edited in the browser", diagnostics: [{ id: "thanks", add: { severity: "information", code: "informational", text: "Thanks", messageId: "MILD-1" } }] }, null, 2));
  await page.locator(".pick").getByRole("button", { name: /^default/ }).click();
  await page.getByRole("heading", { level: 2, name: "default" }).waitFor();
  await page.locator(".pick").getByRole("button", { name: /^mild.*edited/ }).click();
  await page.locator(".rules-editor .cm-line", { hasText: "Edited in the browser" }).waitFor();
  ok(true, "what was edited is kept while another set is looked at");
  await page.getByRole("button", { name: "Publish…" }).click();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.locator(".pick", { hasText: "Edited in the browser" }).waitFor();
  ok(true, "and published, with a question before");
  await editor.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" ");
  await page.locator(".pick", { hasText: "edited" }).waitFor();
  await page.getByRole("button", { name: "Retire…" }).click();
  await accessible(page, "retiring rules");
  await page.getByRole("dialog").getByLabel("Why").fill("of a test");
  await page.getByRole("button", { name: "Retire", exact: true }).click();
  await page.locator(".pick").getByRole("button", { name: /^mild\s*not published/ }).waitFor();
  await page.locator(".rules-editor .cm-line", { hasText: "Edited in the browser" }).waitFor();
  ok(true, "a set is retired, and what was edited of it stays as one to publish anew");
  await page.getByRole("button", { name: "Discard it" }).click();
  await page.waitForFunction(() => !document.querySelector(".pick").textContent.includes("mild"));
  ok(true, "until it is discarded");
}

/** A part that does not answer: asked again by itself, less and less often. */
async function partAway(page) {
  expected.add("503");
  let asked = 0;
  const away = (route) => (asked++, route.fulfill({ status: 503, json: { error: { code: "database-away", text: "The database does not answer" } } }));
  await page.route("**/admin/api/diagnostics/interactions/**", away);
  await go(page, `/interactions/${ids.other}?of=qe-b&tab=timeline`);
  await page.getByText("It is asked for again by itself.").waitFor();
  const began = Date.now();
  while (asked < 3 && Date.now() - began < PATIENCE) await page.waitForTimeout(100);
  ok(asked === 3 && Date.now() - began > 1000, "a part that is away is asked again, with time between", `${asked} in ${Date.now() - began} ms`);
  ok((await page.locator(".outage").count()) === 1, "and is said to be away all the while");
  await page.unroute("**/admin/api/diagnostics/interactions/**");
  await page.locator(".timeline > li").first().waitFor();
  await page.locator(".outage").waitFor({ state: "detached" });
  ok((await page.locator("main .notice.bad").count()) === 0, "once it is back the page goes on by itself");
}

async function rest(page) {
  await go(page, "/guides");
  const loaded = page.getByRole("region", { name: "Loaded guides" }).locator("tbody tr", { hasText: "hl7.fhir.r4.core" });
  await loaded.filter({ hasText: "1 of 1" }).waitFor();
  await loaded.locator("summary").last().click();
  await loaded.locator("li", { hasText: "since" }).waitFor();
  ok((await loaded.innerText()).includes("hl7.fhir.r4.core#4.0.1"), "the guides that validators have loaded, with their packages, and who has them");
  await page.getByRole("region", { name: "Guides in use" }).locator("tbody tr").first().waitFor();
  await accessible(page, "guides");
  await go(page, "/callers");
  await page.getByRole("tablist").waitFor();
  await page.locator(".empty, table").first().waitFor();
  await accessible(page, "callers");
}

async function playground(page) {
  await go(page, "/playground");
  await page.locator(".cm-content").waitFor();
  await page.locator('#guide-versions option[value="4.0.1"]').waitFor({ state: "attached" });
  await page.locator('input[type="file"]').setInputFiles(task.example);
  await page.locator(".cm-line", { hasText: "resourceType" }).first().waitFor();
  await page.getByRole("button", { name: "Validate" }).click();
  await page.locator(".issue-list button").first().waitFor();
  await page.locator(".issue-list button", { hasText: "gender" }).first().click();
  await page.locator(".cm-line.target-line").waitFor();
  ok((await page.locator(".cm-line.target-line").innerText()).includes("femal"), "the playground shows issues on the text");
  expected.add("400").add("503");
  await page.getByLabel("Guide version").fill("9.9.9");
  await page.getByRole("button", { name: "Validate" }).click();
  await page.locator(".notice", { hasText: "No such guide" }).waitFor();
  const tooLong = (route) => route.fulfill({ status: 503, contentType: "application/json", body: '{"error":{"status":503,"code":"no-verdict","text":"There was no verdict in time"}}' });
  await page.route("**/validate*", tooLong);
  await page.getByLabel("Guide version").fill("");
  await page.getByRole("button", { name: "Validate" }).click();
  await page.locator(".notice", { hasText: "No verdict in time" }).waitFor();
  await page.unroute("**/validate*", tooLong);
  ok((await page.locator(".outage").count()) === 0, "a guide that there is not, and a verdict that takes too long, are told as such: neither is an outage");
  await page.getByRole("button", { name: "Validate" }).click();
  await page.locator(".issue-list button", { hasText: "gender" }).first().waitFor();
  await page.locator(".notice.bad").waitFor({ state: "detached" });
  await go(page, "/guides");
  await go(page, "/playground");
  await page.locator(".cm-line", { hasText: '"timestamp"' }).first().waitFor();
  ok((await page.locator(".issue-list button").count()) > 0, "who comes back finds what was pasted, and its issues");
  await accessible(page, "playground");
  await picture(page, "playground-dark", "dark");
}

const COLUMNS = "received_at,tenant_id,source_type,sender,interaction_id,bundle_id,bundle_type,precheck_code,profile_url,patient_id,patient_mrn,medicaid_cin,organization_id,organization_name,uri,correlation_id,payload_sha256";
const strange = [];
/** Locators look into shadow roots as well. */
async function asText(page, where) {
  const made = await page.locator("#app").locator("img:not(.cm-widgetBuffer), script, iframe, object, embed").count(); // the editor has such images
  if (made || (await page.title()).includes("hacked")) strange.push(`${where}: ${made} elements`);
}

async function hostileStrings(page) {
  await go(page, "/interactions?last=24h&bundle_id=hostile");
  await page.locator(".grid-row a.open").first().waitFor();
  await go(page, `/interactions?last=24h&interaction_id=${ids.everywhere}&columns=${COLUMNS}`);
  await page.locator(".grid-row", { hasText: "<script>" }).first().waitFor();
  await asText(page, "the grid");
  for (const id of [ids.hostile, ids.everywhere, ids.broken]) {
    for (const tab of ["", "timeline", "told", "lake", "replays", "facts"]) {
      await openOne(page, id, tab);
      await page.locator(".tab-panel > *").first().waitFor();
      if (!tab) await page.locator('.viewer-text[aria-busy="false"]').waitFor();
      await asText(page, `${Object.keys(ids).find((k) => ids[k] === id)} ${tab}`);
    }
    ok((await page.locator("main").innerText()).includes("<script>alert(3)"), "what stood in headers is shown as it was sent");
  }
  await go(page, "/");
  await page.getByText("Most frequent issues").waitFor();
  await asText(page, "the overview");
  await openOne(page, ids.hostile);
  await page.locator('.viewer-text[aria-busy="false"]').waitFor();
  await page.getByRole("button", { name: "Reveal…" }).click();
  await page.getByRole("button", { name: "Reveal", exact: true }).click();
  await page.locator(".code-line", { hasText: "<img src=x onerror=" }).first().waitFor();
  await page.locator(".code-line .mark", { hasText: "RLO" }).first().waitFor();
  ok(true, "marks of direction are shown as such");
  // Its issues are asked for anew, too, which shows it from its beginning once more.
  for (let pages = 0; pages < 50 && !(await page.locator(".code-line .rest").count()); pages++) {
    await page.getByRole("region", { name: "Payload" }).press("PageDown");
    await page.waitForTimeout(100);
  }
  ok((await page.locator(".code-line .rest").first().innerText()).includes("show all (999,"), "a value of a megabyte is cut, with a way to see all");
  await asText(page, "the payload");
  ok(strange.length === 0 && seen.dialogs.length === 0, "what senders wrote is text everywhere", `${strange} ${seen.dialogs}`);
}

async function sizes(page) {
  const wide = [];
  for (const path of ["/", "/interactions?last=24h", `/interactions/${ids.taken}?of=qe-a`, `/interactions/${ids.ruled}?of=qe-a&tab=told`, "/replays", "/rules", "/guides", "/playground"]) {
    await go(page, path);
    await page.waitForTimeout(200);
    wide.push(await fits(page, 360, 740), await fits(page, 3840, 2160));
  }
  ok(wide.every((w) => !w), "every page fits into 360 px and into 4 k", wide.filter(Boolean).join("; "));
  await go(page, "/");
  await page.locator(".funnel").waitFor();
  await page.setViewportSize({ width: 360, height: 740 });
  await picture(page, "overview-phone");
  await page.getByRole("button", { name: "Pages" }).click();
  await page.getByRole("link", { name: "Playground" }).click();
  await heading(page, "Playground");
  ok(true, "the pages are reached on a phone");
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ reducedMotion: "reduce" });
  const quick = await page.evaluate(() => getComputedStyle(document.querySelector("button")).transitionDuration);
  ok(Number.parseFloat(quick) < 0.001, "who wants less motion gets none", quick);
  await page.emulateMedia({ reducedMotion: "no-preference" });
}

async function twoTenants(page) {
  const people = [["anna", "qe-a", ids.other, "qe-b"], ["bert", "qe-b", ids.taken, "qe-a"]];
  for (const [name, own, foreign, theirs] of people) {
    const mine = await newPage();
    await mine.goto(at("/interactions?last=24h"));
    await signIn(mine, name);
    await mine.locator(".grid-row a.open").first().waitFor();
    const tenants = await mine.locator(".grid-row").evaluateAll((rows) => [...new Set(rows.map((r) => r.querySelectorAll("[role=gridcell]")[2].textContent))].filter(Boolean));
    ok(tenants.join() === own, `${name} sees documents of ${own} alone`, tenants);
    expected.add("404").add("403");
    await go(mine, `/interactions/${foreign}?of=${theirs}`);
    await mine.getByRole("alert").waitFor();
    ok(/Not there|Not permitted/.test(await mine.getByRole("alert").innerText()), `another tenant's document is not there for ${name}`);
    for (const path of [`/admin/api/diagnostics/interactions/${foreign}`, `/admin/api/diagnostics/interactions/${foreign}/payload?what=original`, `/interactions?tenant=${theirs}`, `/admin/api/diagnostics/overview?tenant=${theirs}`]) {
      const answer = await mine.evaluate(async (p) => { const a = await fetch(p); return [a.status, await a.text()]; }, path);
      ok(answer[0] >= 400 && !answer[1].includes(foreign), `nor by ${path.split("?")[0].replace(foreign, "{id}")}`, answer);
    }
    if (name === "bert") {
      ok((await mine.getByRole("link", { name: "Replays" }).count()) === 0, "who may not replay has no page for it");
      await go(mine, `/interactions/${ids.other}?of=qe-b`);
      await mine.locator(".badge", { hasText: "masked" }).waitFor();
      ok((await mine.getByRole("button", { name: "Reveal…" }).count()) === 0, "and who may not reveal has no button for it");
      const forced = await mine.evaluate(async (p) => (await fetch(p)).status, `/admin/api/diagnostics/interactions/${ids.other}/payload?what=original&reveal=true`);
      ok(forced === 403, "nor a way around it", forced);
    }
    await mine.context().close();
  }
}

/** Nobody needs to be known on this stack, and the cookie is gone: by its time, or by another tab. */
async function sessionLost() {
  expected.add("401");
  const mine = await newPage();
  await mine.goto(at("/interactions?last=24h&columns=received_at,tenant_id,patient_mrn"));
  await signIn(mine, "bert");
  await mine.locator(".grid-row").first().waitFor();
  await go(mine, `/interactions?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z&interaction_id=${ids.other}&columns=bogus&tenant=qe-a`);
  await mine.getByText("which you may not see").waitFor();
  await mine.locator(".notice", { hasText: "which you may not see" }).getByRole("button", { name: "Close" }).click();
  await mine.getByRole("button", { name: "Search all time" }).click();
  await mine.locator(".grid-row", { hasText: ids.other }).waitFor();
  ok(!mine.url().includes("qe-a") && mine.url().includes("last=all"), "what is not found in a time is looked for in all of it; a tenant that is not one's own is left out", mine.url());
  await go(mine, "/interactions?last=99y&columns=received_at,tenant_id,patient_mrn");
  await mine.getByText("is no time that can be chosen").waitFor();
  await mine.locator(".grid-row").first().waitFor();
  await mine.context().clearCookies();
  await mine.getByRole("button", { name: "Refresh" }).click();
  await mine.getByText("Your session has ended").waitFor();
  const shown = await mine.locator("body").innerHTML();
  ok(!shown.includes("qe-a") && !shown.includes("MRN-000017"), "without its cookie a page shows nobody's documents, and asks to sign in");
  await mine.context().close();
}

async function outageAndExpiry(page) {
  expected.add("ERR_CONNECTION_REFUSED").add("ERR_").add("503").add("502");
  await go(page, `/interactions/${ids.taken}?of=qe-a&tab=timeline`);
  await page.locator(".timeline > li").first().waitFor();
  await sessionLost();
  await act("stop");
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.locator(".outage").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are still signed in.").waitFor();
  ok(true, "signing out during an outage says that it did not work");
  ok((await page.locator(".outage").innerText()).includes("cannot be reached") && (await page.locator(".timeline > li").count()) > 0, "an outage is shown as one, above what was there");
  await picture(page, "outage");
  await act("start");
  await page.getByRole("heading", { name: "fhirbus diagnostics" }).waitFor();
  ok((await page.locator(".sign-in").innerText()).includes("Your session has ended") && !(await page.locator(".timeline").isVisible()), "it goes by itself; the session has expired meanwhile, which hides the page");
  await accessible(page, "signing in again");
  await signIn(page, "operator");
  await page.locator(".timeline").waitFor({ state: "visible" });
  ok(page.url().includes(ids.taken) && page.url().includes("tab=timeline"), "after signing in one is back where one was", page.url());
  const over = page.getByRole("heading", { name: "fhirbus diagnostics" });
  const until = Date.now() + PATIENCE;
  while (!(await over.isVisible()) && Date.now() < until) {
    await page.waitForTimeout(500);
    await page.evaluate(() => [...document.querySelectorAll("button")].find((b) => b.textContent === "Refresh")?.click());
  }
  ok(await over.isVisible(), "a session ends when its time is over");
  await signIn(page, "operator");
  await page.locator(".timeline").waitFor({ state: "visible" });
  await page.waitForFunction(() => !document.querySelector("main .stale") && !document.querySelector("main .notice.bad:not(.stayed)"));
  ok(true, "what was refused at its end is asked for again after signing in");
}

const page = await newPage();
await flow("sign-in", page, () => signingIn(page));
await flow("overview", page, () => overview(page));
await flow("interactions", page, () => interactions(page));
await flow("export", page, () => exporting(page));
await flow("live", page, () => live(page));
await flow("keyboard", page, () => keyboard(page));
await flow("one interaction", page, () => oneInteraction(page));
await flow("parts of one", page, () => partsOfOne(page));
await flow("several tenants", page, () => severalTenants());
await flow("replay", page, () => replaying(page));
await flow("dead letters", page, () => letters(page));
await flow("rules", page, () => rules(page));
await flow("guides and callers", page, () => rest(page));
await flow("playground", page, () => playground(page));
await flow("hostile strings", page, () => hostileStrings(page));
await flow("sizes", page, () => sizes(page));
await flow("two tenants", page, () => twoTenants(page));
await flow("a part away", page, () => partAway(page));
await flow("outage and expiry", page, () => outageAndExpiry(page));
ok(seen.console.length === 0, "no console error anywhere", seen.console.slice(0, 10).join("; "));
ok(seen.elsewhere.length === 0, "no request left the origin", seen.elsewhere.slice(0, 10).join("; "));
await close();
console.log("end");
process.exit(0);
