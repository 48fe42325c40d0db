// What is copied as curl, pasted into a shell.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessible, ok, task } from "./browser.mjs";

export async function pasted(page, id, sent) {
  const folder = mkdtempSync(join(tmpdir(), "pasted-"));
  const copy = async (name) => {
    await page.getByRole("button", { name: "Copy as curl" }).click();
    await page.getByRole("button", { name }).click();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const run = (text, more) => spawnSync("sh", ["-c", text], { cwd: folder, encoding: "utf8", env: { PATH: process.env.PATH, CA: task.ca, ...more } });
  const who = { AUTH: `X-API-Key: ${task.key}` };
  await page.getByRole("button", { name: "Copy as curl" }).click();
  await accessible(page, "copy as curl");
  await page.keyboard.press("Escape");
  const status = await copy("What became of it");
  const told = run(status, who);
  ok(told.status === 0 && told.stdout.includes("ACCEPT_FHIR_BUNDLE"), "copied as curl and pasted, it says what became of it", `${status}: ${told.stdout}${told.stderr}`);
  const nobody = run(status, {});
  ok(nobody.status !== 0 && nobody.stderr.includes("Authorization: Bearer TOKEN"), "without credentials it says what to set, and does nothing", nobody.stderr);
  const again = await copy("Judge its payload, hand nothing on");
  const judged = run(again, who);
  ok(judged.status === 0 && judged.stdout.includes("OperationOutcome"), "what was sent is fetched, and judged once more", `${again}: ${judged.stdout.slice(0, 300)}${judged.stderr}`);
  ok(readFileSync(join(folder, `${id}.json`), "utf8") === sent, "byte for byte");
  rmSync(folder, { recursive: true });
}
