import { hiddenIn } from "../parts/visible.ts";
import type { Colour } from "./tokens.ts";

/** What lies over a line's colours: a place that was gone to, words that were found. Columns of what is shown. */
export interface Overlay {
  from: number;
  to: number;
  name: string;
}

/** A piece of the document that stands for so many characters of the line, from a column on. */
interface Leaf {
  node: Node;
  at: number;
  length: number;
}

/** One line, or the part of it that is shown, as elements; columns and places in the document, both ways. */
export class Row {
  readonly leaves: Leaf[] = [];

  constructor(
    readonly element: HTMLElement,
    /** the column that its first character has in the line */
    readonly first: number,
    readonly length: number,
  ) {}

  columnOf(node: Node, offset: number): number {
    const own = this.leaves.find((l) => l.node === node || l.node.contains(node));
    if (own) return own.at + (node.nodeType === Node.TEXT_NODE && own.node === node ? Math.min(offset, own.length) : 0);
    const child = node.childNodes[offset];
    for (const leaf of this.leaves) {
      const beyond = child ? child === leaf.node || child.contains(leaf.node) || child.compareDocumentPosition(leaf.node) & Node.DOCUMENT_POSITION_FOLLOWING
        : node.compareDocumentPosition(leaf.node) & Node.DOCUMENT_POSITION_FOLLOWING && !node.contains(leaf.node);
      if (beyond) return leaf.at;
    }
    return this.first + this.length;
  }

  placeOf(column: number): [Node, number] {
    for (const leaf of this.leaves) {
      if (column > leaf.at + leaf.length) continue;
      if (leaf.node.nodeType === Node.TEXT_NODE) return [leaf.node, Math.max(0, column - leaf.at)];
      const parent = leaf.node.parentNode!;
      return [parent, Array.prototype.indexOf.call(parent.childNodes, leaf.node) + (column > leaf.at ? 1 : 0)];
    }
    return [this.element, 0];
  }

  add(parent: Node, node: Node, at: number, length: number): void {
    parent.appendChild(node);
    this.leaves.push({ node, at: this.first + at, length });
  }
}

function spanOf(name: string): HTMLElement {
  const span = document.createElement("span");
  span.className = name;
  return span;
}

/** Text nodes and spans, nothing else: what a sender wrote stays text. */
export function fillRow(row: Row, text: string, colours: Colour[], overlays: Overlay[]): void {
  const hidden = hiddenIn(text, true);
  const cuts = new Set([0, text.length]);
  for (const part of [...colours, ...overlays]) cuts.add(Math.max(0, part.from)).add(Math.min(text.length, part.to));
  for (const mark of hidden) cuts.add(mark.at).add(mark.at + mark.length);
  const sorted = [...cuts].sort((a, b) => a - b);
  let colour = 0;
  let mark = 0;
  let over = "";
  let parent: HTMLElement = row.element;
  for (let i = 0; i + 1 < sorted.length; i++) {
    const [from, to] = [sorted[i]!, sorted[i + 1]!];
    const name = overlays.length ? overlays.filter((o) => o.from <= from && o.to >= to).map((o) => o.name).join(" ") : "";
    if (name !== over) {
      parent = name ? row.element.appendChild(spanOf(name)) : row.element;
      over = name;
    }
    while (mark < hidden.length && hidden[mark]!.at + hidden[mark]!.length <= from) mark++;
    while (colour < colours.length && colours[colour]!.to <= from) colour++;
    const sign = hidden[mark]?.at === from ? hidden[mark]! : null;
    const kind = colours[colour] && colours[colour]!.from <= from ? colours[colour]!.name : "";
    if (sign) {
      const span = spanOf("mark");
      span.textContent = sign.name;
      row.add(parent, span, from, to - from);
    } else {
      row.add(kind ? parent.appendChild(spanOf(kind)) : parent, document.createTextNode(text.slice(from, to)), from, to - from);
    }
  }
}
