import { type Layout, layOut, looksLikeJson, nodeAtLayout } from "./layout.ts";
import { Lines } from "./lines.ts";
import { type Tree, lineStarts, locate, nodeAt, offsetOf, pathOf, readTree, sharper } from "./tree.ts";

/** Keeps one payload's tree beside the page: reading 10 MiB must not hold up a click. */
export interface Target {
  expression: string | null;
  line: number | null;
  column: number | null;
}

export interface Spot {
  from: number;
  to: number;
  path: string;
  /** false: the payload has no such place; this is the nearest one above it */
  whole: boolean;
}

/** How a text is shown: a member a line; or as it is, its own lines; or not at all by whoever asks, who wants places in it. */
export type Form = "formatted" | "exact" | "places";

export type Ask =
  | { id: number; ask: "open"; text: string; form: Form }
  | { id: number; ask: "spots"; targets: Target[] }
  | { id: number; ask: "path"; at: number };

/** What is shown, and what its Lines are made of. */
export interface Shown {
  text: string;
  starts: Int32Array;
  widest: number;
}

export type Answer =
  | { id: number; json: boolean; wrong: string | null; shown: Shown | null }
  | { id: number; spots: (Spot | null)[] }
  | { id: number; path: string };

let tree: Tree | null = null;
let layout: Layout | null = null;
let lines: Int32Array | null = null;

function shownOf(text: string): Shown {
  const { starts, widest } = new Lines(text);
  return { text, starts, widest };
}

function open(id: number, text: string, form: Form): Answer {
  tree = looksLikeJson(text) ? readTree(text) : null;
  lines = null;
  const broken = tree?.wrong ?? null;
  layout = tree && !broken && form === "formatted" ? layOut(tree) : null;
  let wrong: string | null = null;
  if (broken) {
    const before = text.slice(0, broken.at);
    wrong = `No JSON from line ${before.split("\n").length}, column ${broken.at - before.lastIndexOf("\n")} on: ${broken.why}. It is shown as it came.`;
  }
  const set = layout?.text ?? text;
  return { id, json: tree !== null && !broken, wrong, shown: form === "places" ? null : shownOf(set) };
}

function spotOf(target: Target): Spot | null {
  if (!tree) return null;
  let { node, whole } = target.expression ? locate(tree, target.expression) : { node: -1, whole: false };
  if (!whole && target.line) {
    lines ??= lineStarts(tree.text);
    const at = offsetOf(tree.text, lines, target.line, target.column ?? 1);
    const byPlace = at >= 0 ? nodeAt(tree, at) : -1;
    if (!target.expression && byPlace >= 0) [node, whole] = [byPlace, true];
  }
  if (node < 0) return null;
  if (whole && target.expression && target.line) node = sharper(tree, (lines ??= lineStarts(tree.text)), node, target.line, target.column ?? 1);
  const path = pathOf(tree, node);
  if (layout) return { from: layout.from[node]!, to: layout.to[node]!, path, whole };
  const from = tree.key[node]! >= 0 ? tree.key[node]! : tree.start[node]!;
  return { from, to: tree.end[node]!, path, whole };
}

function pathAt(at: number): string {
  if (!tree) return "";
  const node = layout ? nodeAtLayout(layout, at) : nodeAt(tree, at);
  return node >= 0 ? pathOf(tree, node) : "";
}

addEventListener("message", ({ data }: MessageEvent<Ask>) => {
  let answer: Answer;
  if (data.ask === "open") answer = open(data.id, data.text, data.form);
  else if (data.ask === "spots") answer = { id: data.id, spots: data.targets.map(spotOf) };
  else answer = { id: data.id, path: pathAt(data.at) };
  // The index changes hands, it is not copied.
  postMessage(answer, { transfer: "shown" in answer && answer.shown ? [answer.shown.starts.buffer] : [] });
});
