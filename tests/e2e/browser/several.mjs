// Somebody with two tenants of many, and no reveal: each act says whose it is.
import { accessible, at, fits, go, newPage, ok, signIn, task } from "./browser.mjs";

const { ids } = task;

async function replays(page) {
  const dialog = page.getByRole("dialog");
  await page.locator(".grid-row", { hasText: "qe-c" }).first().locator("[role=gridcell]").first().click();
  await page.locator(".selection").getByRole("button", { name: "Replay…" }).click();
  await dialog.getByText("One interaction of qe-c").waitFor();
  await dialog.getByRole("button", { name: "Dry run" }).click();
  await dialog.getByText("Would be replayed").waitFor();
  ok((await dialog.getByRole("button", { name: "Replay 1" }).count()) === 1, "somebody with two tenants selects one's row, and tries a replay of it");
  await page.keyboard.press("Escape");
  await page.getByLabel("Tenant").selectOption("qe-a");
  await page.locator(".grid-row", { hasText: "qe-a" }).first().waitFor();
  ok((await page.locator(".selection").count()) === 0, "what a filter hides is selected no longer");
  await go(page, `/interactions?last=24h&state=FAIL&interaction_id=${ids.failed[1]}`);
  await page.locator(".grid-row a.open").waitFor();
  await page.getByRole("button", { name: "Replay these failures…" }).click();
  await dialog.getByText("One interaction of qe-a").waitFor();
  ok(true, "with another filter the failures of the view are replayed, no others");
  await page.keyboard.press("Escape");
  await go(page, "/interactions?last=24h&state=FAIL");
  await page.getByRole("button", { name: "Replay these failures…" }).click();
  await dialog.getByText("2 replays, one for each").waitFor();
  await dialog.getByRole("button", { name: "Dry run" }).click();
  await dialog.getByText("Would be replayed").waitFor();
  await dialog.getByRole("button", { name: /^Replay \d/ }).click();
  await dialog.locator(".badge", { hasText: "done" }).nth(1).waitFor();
  ok((await dialog.locator('[role=progressbar][aria-valuenow="100"]').count()) === 2, "a failed list of two tenants is two replays, which are seen to go on");
  await dialog.getByRole("link", { name: "Its page" }).first().click();
  await page.locator(".panel .badge", { hasText: "done" }).waitFor();
  ok(page.url().includes("of=qe-") && (await page.getByRole("alert").count()) === 0, "and each has its page", page.url());
}

async function newRules(page) {
  await go(page, "/rules?name=default");
  await page.getByText("It is not of your tenants alone").waitFor();
  await page.getByRole("button", { name: "New rule set…" }).click();
  await page.getByLabel("Name").fill("carls");
  await accessible(page, "a new rule set");
  await page.getByLabel("qe-c").check();
  await page.getByRole("button", { name: "Begin" }).click();
  await page.locator(".rules-editor .cm-line", { hasText: "carls" }).waitFor();
  await page.getByRole("button", { name: "Publish…" }).click();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.locator(".pick").getByRole("button", { name: /^carls.*version 1/ }).waitFor();
  ok(true, "who administers one tenant makes a set for it, where everybody's are not for him");
}

export async function severalTenants() {
  const page = await newPage();
  await page.goto(at("/interactions?last=24h&state=FAIL"));
  await signIn(page, "carl");
  await page.locator(".grid-row a.open").first().waitFor();
  await replays(page);
  await go(page, "/dead-letters");
  await page.getByRole("checkbox", { name: /Choose record/ }).first().check();
  await page.getByRole("button", { name: /^Re-drive/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Dry run" }).click();
  await page.getByRole("dialog").getByText("Would be replayed").waitFor();
  ok(true, "a dead letter is tried for its tenant");
  await page.keyboard.press("Escape");
  await go(page, "/callers");
  await page.locator(".empty, table").first().waitFor();
  ok((await page.getByRole("alert").count()) === 0 && (await page.locator("table").innerText()).includes("pasted"), "callers of his tenants are listed");
  await newRules(page);
  const wide = await fits(page, 360, 740);
  ok(!wide, "all of which fits into 360 px", wide);
  await page.context().close();
}
