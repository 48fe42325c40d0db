import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row, Tried } from "../src/data.ts";
import { duration, percent, shortNames } from "../src/format.ts";
import { Shelf } from "../src/grid/shelf.ts";
import { DEFAULT_COLUMNS, columnsOf } from "../src/grid/view.ts";
import { quoted } from "../src/interaction/curl.ts";
import { firstLines, headOf, isLegible, layOut, nodeAtLayout } from "../src/json/layout.ts";
import { lineStarts, locate, nodeAt, offsetOf, pathOf, readTree, sharper, steps } from "../src/json/tree.ts";
import { cut, pieces, plain } from "../src/parts/visible.ts";
import { readPeriod } from "../src/period.ts";
import { IDS_MAX, partsOf } from "../src/replay/orders.ts";
import { mayChange, wrongName } from "../src/rules/drafts.ts";
import { missing } from "../src/rules/missing.ts";
import "./viewer.ts";

const BUNDLE = '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","name":[{"given":["A\\"b","C"]}],"deceasedBoolean":false}},{"resource":{"resourceType":"Observation","valueQuantity":{"value":1.50e+3}}}]}';

test("steps of a path: comments and chosen types are passed over, functions end it", () => {
  assert.deepEqual(steps("Bundle.entry[0].resource/*Patient/p-1*/.name[0]"), ["Bundle", "entry", 0, "resource", "name", 0]);
  assert.deepEqual(steps("Bundle.entry[12].resource.ofType(Patient).value"), ["Bundle", "entry", 12, "resource", "value"]);
  assert.deepEqual(steps("Bundle.entry.where(x).name"), ["Bundle", "entry"]);
});

test("an issue's path finds its node, or the nearest above it", () => {
  const tree = readTree(BUNDLE);
  const found = locate(tree, "Bundle.entry[0].resource/*Patient/null*/.name[0].given[1]");
  assert.equal(found.whole, true);
  assert.equal(BUNDLE.slice(tree.start[found.node], tree.end[found.node]), '"C"');
  assert.equal(pathOf(tree, found.node), "Bundle.entry[0].resource.name[0].given[1]");
  const missing = locate(tree, "Bundle.entry[1].resource.code.coding[0]");
  assert.equal(missing.whole, false);
  assert.equal(pathOf(tree, missing.node), "Bundle.entry[1].resource");
  const choice = locate(tree, "Bundle.entry[1].resource.value.value");
  assert.equal(BUNDLE.slice(tree.start[choice.node], tree.end[choice.node]), "1.50e+3");
});

test("set out in lines it is the same document, numbers and escapes as they were written", () => {
  const tree = readTree(BUNDLE);
  assert.equal(tree.wrong, null);
  const { text, from, to } = layOut(tree);
  assert.deepEqual(JSON.parse(text), JSON.parse(BUNDLE));
  assert.ok(text.includes("1.50e+3") && text.includes('"A\\"b"'));
  const node = locate(tree, "Bundle.entry[0].resource.name[0].given[0]").node;
  assert.equal(text.slice(from[node], to[node]), '"A\\"b"');
  assert.equal(nodeAtLayout({ text, from, to }, from[node]! + 2), node);
  assert.equal(layOut(readTree("{}")).text, "{}");
  assert.equal(layOut(readTree('[[],{"a":{}}]')).text, '[\n  [],\n  {\n    "a": {}\n  }\n]');
});

test("line and column of the text as it was sent lead to a node", () => {
  const text = '{\n  "a": [1,\n   22]\n}';
  const tree = readTree(text);
  const starts = lineStarts(text);
  assert.deepEqual([...starts], [0, 2, 13, 20]);
  assert.equal(lineStarts("\n".repeat(5000)).length, 5001);
  assert.equal(pathOf(tree, nodeAt(tree, offsetOf(text, starts, 3, 4))), "$.a[1]");
  assert.equal(pathOf(tree, nodeAt(tree, offsetOf(text, starts, 2, 3))), "$.a");
  assert.equal(offsetOf(text, starts, 9, 1), -1);
});

test("what is told of a whole is shown at the line it names inside of it, never by a column alone", () => {
  const text = '{\n  "a": {"b": 1,\n    "c": 2,\n    "c": 3},\n  "d": 4}';
  const tree = readTree(text);
  const starts = lineStarts(text);
  const at = (path: string, line: number, column: number) => {
    const node = sharper(tree, starts, locate(tree, path).node, line, column);
    return text.slice(tree.start[node], tree.end[node]);
  };
  assert.equal(at("a", 4, 10), "3");
  assert.equal(at("a", 2, 15), at("a", 0, 0));
  assert.equal(at("a.b", 4, 10), "1");
  assert.equal(at("a", 5, 8), at("a", 99, 1));
});

test("addresses are told apart by as many of their last parts as it takes", () => {
  const names = shortNames(["http://a/S/Patient", "http://b/S/Patient", "http://a/S/Encounter", "Patient/", "x/y/"]);
  assert.equal(names.get("http://a/S/Encounter"), "Encounter");
  assert.equal(names.get("http://a/S/Patient"), "…/a/S/Patient");
  assert.equal(names.get("http://b/S/Patient"), "…/b/S/Patient");
  assert.equal(new Set(names.values()).size, 5);
  assert.deepEqual([...shortNames(["", "/", "//"]).values()].length, 3);
});

test("a text whose lines people can read is shown as it is", () => {
  assert.equal(isLegible(JSON.stringify({ a: Array(200).fill(1) }, null, 2)), true);
  assert.equal(isLegible(JSON.stringify({ a: Array(200).fill(1) })), false);
  assert.equal(isLegible("MSH|^~\\&|" + "x".repeat(999)), true);
  assert.equal(firstLines('{"a":1,\n'.repeat(9000), false).startsWith('{"a":1,\n'), true);
});

test("wherever a text is cut off, its first lines are those of the whole", () => {
  const whole = layOut(readTree(BUNDLE)).text;
  for (let at = 0; at < BUNDLE.length; at++) {
    const head = headOf(layOut(readTree(BUNDLE.slice(0, at))));
    assert.ok(whole.startsWith(head) && (head === "" || head.endsWith("\n")), `cut at ${at}: ${head}`);
  }
  assert.ok(headOf(layOut(readTree(BUNDLE.slice(0, 200)))).length > 150);
});

test("what is no JSON gives the tree up to the place that is wrong", () => {
  for (const [text, at] of [['{"a":1', 6], ['{"a" 1}', 5], ["[1,]", 3], ['{"a":"x', 5], ["[1] x", 4], ["", 0], ["[1 2]", 3]] as const) {
    const tree = readTree(text);
    assert.ok(tree.wrong, text);
    assert.equal(tree.wrong.at, at, text);
  }
  assert.ok(readTree("[".repeat(100_000)).wrong);
});

test("random documents come back as they are", () => {
  let seed = 7;
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
  const make = (depth: number): unknown => {
    const kind = random(depth > 4 ? 3 : 5);
    if (kind === 0) return random(1000) / 8;
    if (kind === 1) return ["", '"', "\\", "\u202e", "a\\\"b", "\n"][random(6)];
    if (kind === 2) return [true, false, null][random(3)];
    if (kind === 3) return Array.from({ length: random(4) }, () => make(depth + 1));
    return Object.fromEntries(Array.from({ length: random(4) }, (_, i) => [`k${i}${["", '"', "\\"][random(3)]}`, make(depth + 1)]));
  };
  for (let i = 0; i < 300; i++) {
    const value = [make(0)];
    const tree = readTree(JSON.stringify(value, null, random(3)));
    assert.equal(tree.wrong, null);
    assert.deepEqual(JSON.parse(layOut(tree).text), value);
  }
});

test("hidden characters are seen", () => {
  assert.deepEqual(pieces("a\u202eb\u0000", false), [{ text: "a", mark: false }, { text: "RLO", mark: true }, { text: "b", mark: false }, { text: "NUL", mark: true }]);
  assert.deepEqual(pieces("a\nb", true), [{ text: "a\nb", mark: false }]);
  assert.deepEqual(pieces("\ud800", false).map((p) => p.mark), [true]);
  assert.deepEqual(pieces("\u{1f600}", false), [{ text: "\u{1f600}", mark: false }]);
  assert.equal(plain("x\u200by"), "x[ZWSP]y");
  assert.equal(cut("a\u{1f600}", 2), "a");
});

test("figures", () => {
  assert.equal(percent(1, 3000), "< 0.1 %");
  assert.equal(percent(2999, 3000), "> 99.9 %");
  assert.equal(percent(0, 0), "–");
  assert.equal(duration(0.2), "< 1 ms");
  assert.equal(duration(61_000), "1 min 1 s");
});

test("a period is of the address", () => {
  const now = Date.UTC(2026, 10, 28, 12, 0, 30);
  assert.equal(readPeriod(new URLSearchParams("last=1h"), now).from, "2026-11-28T11:00:00.000Z");
  assert.equal(readPeriod(new URLSearchParams(""), now).from, "2026-11-27T12:00:00.000Z");
  const odd = readPeriod(new URLSearchParams("last=99y"), now);
  assert.deepEqual([odd.last, odd.from, odd.unknown], ["24h", "2026-11-27T12:00:00.000Z", "99y"]);
  assert.deepEqual(readPeriod(new URLSearchParams("last=all"), now, true), { last: "all", from: undefined, to: undefined });
  assert.equal(readPeriod(new URLSearchParams("last=all"), now).unknown, "all");
  assert.deepEqual(readPeriod(new URLSearchParams("from=2026-01-01T00:00:00Z"), now), { last: null, from: "2026-01-01T00:00:00Z", to: undefined });
});

test("columns that there are not are passed over", () => {
  const known = ["received_at", "state", "sender"];
  assert.deepEqual(columnsOf(new URLSearchParams("columns=state,bogus,received_at"), known), ["state", "received_at"]);
  assert.deepEqual(columnsOf(new URLSearchParams("columns=bogus"), known), DEFAULT_COLUMNS);
  assert.deepEqual(columnsOf(new URLSearchParams(""), known), DEFAULT_COLUMNS);
});

// --- replays: whose, and how many orders ----------------------------------------------------------
const SEVERAL = { name: "carl", tenants: ["a", "b"], rights: { read: true, reveal: false, replay: true, administer: true }, expires: "", csrf: "" };
const ALL = { ...SEVERAL, tenants: "*" as const };

test("what was chosen is replayed for its own tenants, a list for those one has", () => {
  const some = [{ id: "1", tenant: "a" }, { id: "2", tenant: "b" }, { id: "3", tenant: "a" }];
  assert.deepEqual(partsOf({ some }, SEVERAL, "b"), [{ tenant: "a", ids: ["1", "3"] }, { tenant: "b", ids: ["2"] }]);
  const many = Array.from({ length: 2 * IDS_MAX + 1 }, (_, i) => ({ id: String(i), tenant: "a" }));
  assert.deepEqual(partsOf({ some: many }, ALL, null).map((p) => p.ids!.length), [IDS_MAX, IDS_MAX, 1]);
  const letters = [{ partition: 0, offset: 4, tenant: "a" }, { partition: 0, offset: 5, tenant: "a" }, { partition: 1, offset: 9, tenant: null }];
  assert.deepEqual(partsOf({ letters }, ALL, null), [{ tenant: "a", offsets: "0:4-5" }, { offsets: "1:9-9" }]);
  assert.deepEqual(partsOf({ state: "FAIL", since: "s" }, SEVERAL, null), [{ tenant: "a", state: "FAIL", since: "s" }, { tenant: "b", state: "FAIL", since: "s" }]);
  assert.deepEqual(partsOf({ state: "FAIL" }, SEVERAL, "b"), [{ tenant: "b", state: "FAIL" }]);
  assert.deepEqual(partsOf({ state: "FAIL" }, ALL, null), [{ state: "FAIL" }]);
});

// --- live: rows that come, change and go ----------------------------------------------------------
const row = (n: number, more: Partial<Row> = {}) => ({ interaction_id: `i${n}`, tenant_id: "a", received_at: `2026-11-28T12:00:00.${String(n).padStart(3, "0")}Z`, state: "FAIL", ...more }) as Row;
const shown = (shelf: Shelf) => Array.from({ length: shelf.length }, (_, i) => shelf.at(i)?.interaction_id.slice(1) ?? "?").join(" ");

function shelfOf(...pages: number[][]): Shelf {
  const shelf = new Shelf("/interactions?limit=3");
  pages.forEach((page, i) => shelf.take(i, page.map((n) => row(n)), i < pages.length - 1 ? `/interactions?limit=3&cursor=${i}` : null));
  return shelf;
}

test("a row that fits now has its place by time; a newer one waits", () => {
  const shelf = shelfOf([90, 80, 70], [60, 50, 40], [30]);
  shelf.put(row(75));
  shelf.put(row(35));
  shelf.put(row(10));
  shelf.put(row(95));
  shelf.put(row(50, { state: "COMPLETE" }));
  assert.equal(shown(shelf), "90 80 75 70 60 50 40 35 30 10");
  assert.equal(shelf.at(5)!.state, "COMPLETE");
  assert.deepEqual(shelf.held.map((r) => r.interaction_id), ["i95"]);
  shelf.release();
  assert.equal(shown(shelf), "95 90 80 75 70 60 50 40 35 30 10");
  assert.equal(shelf.pageOf(0), 0);
  assert.equal(shelf.pageOf(5), 1);
});

test("what a page names no more is gone, and nothing beyond it", () => {
  const shelf = shelfOf([90, 80, 70], [60, 50, 40], [30]);
  assert.deepEqual(shelf.agree(1, [row(65), row(50)], true), ["a\ni60"]);
  assert.equal(shown(shelf), "90 80 70 65 50 40 30");
  assert.deepEqual(shelf.agree(0, [], false).length, 7);
  assert.equal(shelf.length, 0);
  shelf.put(row(99));
  shelf.release();
  assert.equal(shown(shelf), "99");
});

test("what was told of while a page was asked for again is newer than its answer", () => {
  const shelf = shelfOf([90, 80, 70], [60, 50, 40], [30]);
  shelf.put(row(95));
  shelf.put(row(80, { state: "COMPLETE" }));
  assert.deepEqual(shelf.agree(0, [row(90), row(80), row(70)], true, new Set(["a\ni95", "a\ni80"])), []);
  shelf.release();
  assert.equal(shown(shelf), "95 90 80 70 60 50 40 30");
  assert.equal(shelf.at(2)!.state, "COMPLETE");
});

test("a change of a row that was forgotten is nothing new", () => {
  const shelf = shelfOf([90, 80, 70], [60, 50, 40], [30]);
  shelf.forget(1, 1);
  assert.equal(shown(shelf), "? ? ? 60 50 40 30");
  shelf.put(row(80, { state: "COMPLETE" }));
  assert.deepEqual([shelf.held.length, shown(shelf)], [0, "? ? ? 60 50 40 30"]);
  shelf.put(row(95));
  assert.deepEqual(shelf.held.map((r) => r.interaction_id), ["i95"]);
});

test("a page that was forgotten comes again, with what has come into it", () => {
  const shelf = shelfOf([90, 80, 70], [60, 50, 40], [30]);
  shelf.put(row(55));
  shelf.pages[1]!.rows = null;
  assert.equal(shown(shelf), "90 80 70 ? ? ? ? 30");
  shelf.put(row(45)); // of the page that is not there
  assert.equal(shelf.pathOf(1, shelf.pages[1]!.size), "/interactions?limit=4&cursor=0");
  shelf.take(1, [row(60), row(55), row(50), row(40), row(30)], null);
  assert.equal(shown(shelf), "90 80 70 60 55 50 40 30");
});

test("identifiers that were revealed stay so when a change comes masked", () => {
  const shelf = new Shelf("/interactions?limit=3");
  shelf.take(0, [row(1, { patient_mrn: "MRN-1" })], null);
  shelf.put(row(1, { patient_mrn: "xxx-0", state: "COMPLETE" }));
  assert.deepEqual([shelf.at(0)!.patient_mrn, shelf.at(0)!.state], ["MRN-1", "COMPLETE"]);
});

// --- curl, rules ----------------------------------------------------------------------------------
test("what a sender wrote stays one word of a command", () => {
  assert.equal(quoted("it's"), "'it'\\''s'");
  assert.equal(quoted("a\u001b[201~\nrm -rf ~"), "'a[201~rm -rf ~'");
});

test("rules: who may publish which set, and what it may be called", () => {
  assert.ok(mayChange("*", {}) && mayChange(["a", "b"], { tenants: ["a"] }));
  assert.ok(!mayChange(["a"], {}) && !mayChange(["a"], { tenants: ["a", "c"] }) && !mayChange(["a"], { tenants: [] }));
  assert.equal(wrongName("my-set_1.0", ["other"]), null);
  assert.ok(wrongName("my set", []) && wrongName("other", ["other"]) && wrongName("", []));
});

test("a dry run says what it could not be run on", () => {
  const tried = (n: number, left_out = 0) => ({ tried: Array.from({ length: n }, () => ({}) as Tried["tried"][number]), left_out, problems: [] });
  assert.deepEqual(missing(tried(1), 1), []);
  assert.match(missing(tried(0), 1)[0]!, /^The interaction that was asked for is not known/);
  assert.match(missing(tried(1), 3)[0]!, /^2 of the 3/);
  assert.match(missing(tried(0, 2), 2)[0]!, /bytes are no longer kept/);
  assert.match(missing(tried(0), 0)[0]!, /no interaction yet/);
});
