import { Kind, type Tree, readTree, stringEnd } from "./tree.ts";

/** A JSON text set out in lines: a member each, nothing else changed, and where each node has come to lie. */
export interface Layout {
  text: string;
  /** by node: where its line's content (name or value) begins, and where its value ends */
  from: Int32Array;
  to: Int32Array;
}

class Writer {
  private readonly done: string[] = [];
  private part: string[] = [];
  private partLength = 0;
  at = 0;

  add(text: string): void {
    this.part.push(text);
    this.at += text.length;
    this.partLength += text.length;
    if (this.partLength > 1 << 16) this.flush();
  }

  private flush(): void {
    this.done.push(this.part.join(""));
    this.part = [];
    this.partLength = 0;
  }

  text(): string {
    this.flush();
    return this.done.join("");
  }
}

const indents: string[] = [];
function lineBreak(depth: number): string {
  return (indents[depth] ??= `\n${"  ".repeat(depth)}`);
}

export function layOut(tree: Tree): Layout {
  const { text, kind, key, start, end, after } = tree;
  const from = new Int32Array(tree.count);
  const to = new Int32Array(tree.count);
  const out = new Writer();
  const open: number[] = [];
  const close = () => {
    const node = open.pop()!;
    if (after[node]! > node + 1) out.add(lineBreak(open.length));
    out.add(kind[node] === Kind.Object ? "}" : "]");
    to[node] = out.at;
  };
  for (let node = 0; node < tree.count; node++) {
    while (open.length && after[open[open.length - 1]!]! <= node) close();
    if (open.length) {
      if (open[open.length - 1] !== node - 1) out.add(",");
      out.add(lineBreak(open.length));
    }
    from[node] = out.at;
    if (key[node]! >= 0) out.add(`${text.slice(key[node]!, stringEnd(text, key[node]!))}: `);
    if (kind[node] === Kind.Object || kind[node] === Kind.Array) {
      out.add(kind[node] === Kind.Object ? "{" : "[");
      open.push(node);
    } else {
      // Breaks inside of a text (which JSON forbids, and senders write) would break the line.
      out.add(text.slice(start[node]!, end[node]!).replace(/[\r\n]/g, (c) => (c === "\n" ? "\u240a" : "\u240d")));
      to[node] = out.at;
    }
  }
  while (open.length) close();
  return { text: out.text(), from, to };
}

export function looksLikeJson(text: string): boolean {
  return /^\ufeff?\s*[{[]/.test(text.slice(0, 200));
}

/** Longer lines, on the whole, are not meant for people. */
const LEGIBLE = 200;

/** Whether its own lines can be read: then it is best shown as it is, and an issue's line is the one that is seen. */
export function isLegible(text: string): boolean {
  const head = text.slice(0, 1 << 16);
  const lines = head.split("\n").length;
  return !looksLikeJson(text) || head.length <= LEGIBLE || (lines > 1 && head.length / lines <= LEGIBLE);
}

const HEAD = 1 << 15;

/** What a long text begins with, formatted or as it is: the same lines that the whole will have, long before it is read. */
export function firstLines(text: string, formatted = true): string {
  if (text.length <= 2 * HEAD) return "";
  const head = text.slice(0, HEAD);
  return formatted && looksLikeJson(text) ? headOf(layOut(readTree(head))) : head.slice(0, head.lastIndexOf("\n") + 1);
}

/** Of a text that was cut off somewhere: the lines that would be the same had it gone on. */
export function headOf(layout: Layout): string {
  const last = layout.from.length - 1;
  return last < 1 ? "" : layout.text.slice(0, layout.text.lastIndexOf("\n", layout.from[last]!) + 1);
}

/** The last node whose content begins at or before an offset of the layout. */
export function nodeAtLayout(layout: Layout, offset: number): number {
  let low = 0;
  let high = layout.from.length - 1;
  let found = -1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (layout.from[middle]! <= offset) {
      found = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return found;
}
