import { Chosen } from "./chosen.ts";
import type { Match } from "./find.ts";
import { Axis, LINE_MAX, LINE_SHOWN, type Lines, whole } from "./lines.ts";
import { type Overlay, Row, fillRow } from "./row.ts";
import { Quoted, Quotes, coloursOf } from "./tokens.ts";

/** A text of any size, of which only the lines that are seen are in the document. Lines are of one height and
 *  are not wrapped; what is longer than LINE_MAX is cut, and scrolled through column by column once it is not.
 *  Each frame of a scroll draws what it brings anew, so elements are few: one text has all line numbers, and
 *  nothing has a size that must be found out. */
/** Lines beyond what is seen, each way, while it goes line by line; columns of a long line behind what is seen. */
const SPARE = 12;
const SPARE_COLUMNS = 40;
const PAD = 4;
/** What "show all" takes, in letters. */
const REST = 50;
/** Beside the numbers: room for signs, and a line. */
const GUTTER = 24;

export interface Marked {
  severity: string;
  /** said of the mark */
  label: string;
}

export interface PaneEvents {
  /** Where the cursor has come to. */
  moved(offset: number, byKey: boolean): void;
  find(again: number): void;
}

interface ShownLine {
  line: number;
  row: Row;
  /** a part of it is shown, which depends on how far it is scrolled */
  part: boolean;
}

function made(className: string, parent: HTMLElement): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  parent.appendChild(element);
  return element;
}

const limited = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));

export class Pane {
  private readonly scroller: HTMLElement;
  private readonly sizer: HTMLElement;
  private readonly layer: HTMLElement;
  private readonly gutter: HTMLElement;
  private readonly numbers: HTMLElement;
  private readonly signs: HTMLElement;
  private readonly body: HTMLElement;
  private readonly probe: HTMLElement;
  private readonly chosen: Chosen;
  private readonly resized: ResizeObserver;
  private readonly shown = new Map<number, ShownLine>();
  private readonly unfolded = new Map<number, Quotes>();
  private first = 0;
  private last = -1;
  private x = new Axis(0, 0);
  private y = new Axis(0, 0);
  private height = 19;
  private width = 7.2;
  private gutterWidth = 0;
  private seen = 0;
  private here = -1;
  private marked = new Map<number, Marked>();
  private target: Match | null = null;
  private words: RegExp | null = null;
  private match: Match | null = null;

  constructor(
    host: HTMLElement,
    label: string,
    public lines: Lines,
    private readonly events: PaneEvents,
  ) {
    this.scroller = made("code", host);
    this.scroller.tabIndex = 0;
    this.scroller.dir = "ltr";
    this.scroller.setAttribute("role", "region");
    this.scroller.setAttribute("aria-label", label);
    this.probe = made("code-line code-probe", this.scroller);
    this.probe.textContent = "0".repeat(100);
    this.probe.setAttribute("aria-hidden", "true");
    this.sizer = made("code-size", this.scroller);
    this.layer = made("code-layer", this.sizer);
    this.gutter = made("code-gutter", this.layer);
    this.numbers = made("code-numbers", this.gutter);
    this.numbers.setAttribute("aria-hidden", "true");
    this.signs = made("code-signs", this.gutter);
    this.body = made("code-body", this.layer);
    this.chosen = new Chosen(this, (offset) => this.cursor(offset, false));
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    this.scroller.addEventListener("copy", (event) => this.copy(event));
    this.resized = new ResizeObserver(() => this.measure());
    this.resized.observe(this.scroller);
    this.resized.observe(this.probe);
    this.set(lines);
  }

  close(): void {
    this.resized.disconnect();
    this.chosen.close();
    this.scroller.remove();
  }

  focus(): void {
    this.scroller.focus({ preventScroll: true });
  }

  /** Other lines, or more of the same: it stays where it is. What was chosen or found in others is no more. */
  set(lines: Lines): void {
    if (!lines.text.startsWith(this.lines.text)) {
      this.chosen.range = null;
      this.match = this.target = null;
    }
    this.lines = lines;
    this.unfolded.clear();
    this.measure();
  }

  /** By line. */
  mark(marked: Map<number, Marked>): void {
    this.marked = marked;
    this.redraw();
  }

  goTo(target: Match): void {
    this.target = target;
    this.here = this.lines.at(target.from);
    this.reveal(target.from, true);
    this.redraw();
  }

  /** The place of an issue, without going there. */
  aim(target: Match | null): void {
    this.target = target;
    this.redraw();
  }

  /** All that a pattern finds among what is seen, and the one that was gone to. */
  found(words: RegExp | null, match: Match | null): void {
    this.words = words;
    this.match = match;
    if (match) {
      this.here = this.lines.at(match.from);
      this.reveal(match.from, true);
    }
    this.redraw();
  }

  /** Where a search goes on. */
  get at(): number {
    if (this.match) return this.match.from;
    return this.chosen.range?.head ?? this.lines.start(limited(Math.ceil(this.y.toText(this.scroller.scrollTop) / this.height), 0, this.lines.count - 1));
  }

  // --- sizes ----------------------------------------------------------------------------------------
  private measure(): void {
    const box = this.probe.getBoundingClientRect();
    if (box.width) this.width = box.width / 100;
    // Whole pixels: thousands of lines later a rounded part of one would be a line.
    this.height = Math.round(parseFloat(getComputedStyle(this.scroller).fontSize) * 1.55) || this.height;
    this.gutterWidth = Math.ceil(String(this.lines.count).length * this.width) + GUTTER;
    this.scroller.style.setProperty("--line-height", `${this.height}px`);
    this.gutter.style.width = `${this.gutterWidth}px`;
    const { clientHeight, clientWidth } = this.scroller;
    const [top, left] = [this.y.toText(this.scroller.scrollTop), this.x.toText(this.scroller.scrollLeft)];
    let wide = (this.lines.widest + REST) * this.width + this.gutterWidth;
    if (this.lines.widest < LINE_SHOWN) wide -= (REST - 3) * this.width;
    // Its characters may be wider than most: whatever it has can be scrolled to the left edge.
    for (const line of this.unfolded.keys()) wide = Math.max(wide, this.lines.length(line) * this.width + clientWidth);
    this.y = new Axis(2 * PAD + this.lines.count * this.height, clientHeight);
    this.x = new Axis(wide, clientWidth);
    // The gutter's edge goes down to the end of the view where the lines do not.
    this.layer.style.minHeight = this.y.size < clientHeight ? `${clientHeight - PAD}px` : "";
    this.sizer.style.height = `${this.y.shown}px`;
    this.sizer.style.width = `${this.x.shown}px`;
    if (this.y.scale !== 1) this.scroller.scrollTop = this.y.toScroll(top);
    if (this.x.scale !== 1) this.scroller.scrollLeft = this.x.toScroll(left);
    this.redraw();
  }

  private get columns(): number {
    return Math.max(10, Math.floor((this.x.view - this.gutterWidth) / this.width) - 2);
  }

  private get page(): number {
    return Math.max(1, Math.floor(this.y.view / this.height) - 1);
  }

  // --- drawing --------------------------------------------------------------------------------------
  private redraw(): void {
    for (const one of this.shown.values()) this.drop(one);
    this.shown.clear();
    this.draw();
  }

  private draw(): void {
    const { scrollTop, scrollLeft } = this.scroller;
    const top = this.y.toText(scrollTop);
    const left = this.x.toText(scrollLeft);
    const seen = Math.floor((top - PAD) / this.height);
    const rows = Math.ceil(this.y.view / this.height);
    // Who leaps sees none of the lines between: then those beyond are not worth their time.
    const spare = Math.abs(seen - this.seen) > rows ? 1 : SPARE;
    this.seen = seen;
    this.first = limited(seen - spare, 0, this.lines.count - 1);
    this.last = limited(seen + rows + spare, 0, this.lines.count - 1);
    const changed = this.drawLines(left, scrollLeft);
    const at = `${PAD + this.first * this.height - top + scrollTop}px`;
    if (this.layer.style.top !== at) this.layer.style.top = at;
    if (!changed) return;
    this.drawGutter();
    this.chosen.show();
  }

  private drawLines(left: number, scrollLeft: number): boolean {
    let changed = false;
    for (const one of this.shown.values()) {
      const out = one.line < this.first || one.line > this.last;
      if (!out && !one.part && this.x.scale === 1) continue;
      this.drop(one);
      this.shown.delete(one.line);
      changed = true;
    }
    let next: ShownLine | null = null;
    for (let line = this.last; line >= this.first; line--) {
      let one = this.shown.get(line);
      if (!one) {
        one = this.make(line, left, scrollLeft);
        this.body.insertBefore(one.row.element, next?.row.element ?? null);
        this.shown.set(line, one);
        changed = true;
      }
      next = one;
    }
    return changed;
  }

  private drawGutter(): void {
    let numbers = "";
    const signs: HTMLElement[] = [];
    for (let line = this.first; line <= this.last; line++) {
      numbers += `${line + 1}\n`;
      const mark = this.marked.get(line);
      if (mark) signs.push(this.sign(line, mark));
    }
    this.numbers.textContent = numbers;
    this.signs.replaceChildren(...signs);
  }

  private drop(one: ShownLine): void {
    one.row.element.remove();
  }

  private make(line: number, left: number, scrollLeft: number): ShownLine {
    const start = this.lines.start(line);
    const length = this.lines.length(line);
    const quotes = this.unfolded.get(line);
    const cut = !quotes && length > LINE_MAX;
    let from = start;
    let to = start + (cut ? LINE_SHOWN : length);
    if (quotes) {
      from = start + Math.min(length, Math.floor(left / this.width));
      to = Math.min(start + length, from + this.columns + SPARE_COLUMNS);
    }
    if (from > start) from = whole(this.lines.text, from);
    if (to < start + length) to = whole(this.lines.text, to);
    const element = document.createElement("div");
    const row = new Row(element, from - start, to - from);
    const text = this.lines.text.slice(from, to);
    fillRow(row, text, coloursOf(text, quotes ? quotes.at(from) : Quoted.No), this.overlays(text, from, to));
    if (cut) element.appendChild(this.rest(line, length - row.length));
    const shift = (from - start) * this.width - left + scrollLeft;
    if (quotes || this.x.scale !== 1) element.style.marginLeft = `${quotes ? shift : scrollLeft - left}px`;
    const mark = this.marked.get(line);
    element.className = this.classOf(line, mark);
    return { line, row, part: quotes !== undefined };
  }

  private classOf(line: number, mark: Marked | undefined): string {
    const target = this.target && this.lines.at(this.target.from) === line;
    return `code-line${mark ? ` issue-line issue-${mark.severity}` : ""}${target ? " target-line" : line === this.here ? " here" : ""}`;
  }

  private sign(line: number, mark: Marked): HTMLElement {
    const sign = document.createElement("div");
    sign.className = `code-sign issue-${mark.severity}`;
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", `Line ${line + 1}, ${mark.label}`);
    sign.title = mark.label;
    sign.style.top = `${(line - this.first) * this.height}px`;
    return sign;
  }

  private overlays(text: string, from: number, to: number): Overlay[] {
    const found: Overlay[] = [];
    const add = (match: Match | null, name: string) => {
      if (match && match.from < to && match.to > from && match.from >= from - LINE_MAX) found.push({ from: Math.max(0, match.from - from), to: Math.min(match.to, to) - from, name });
    };
    // A place that goes over several lines is that of its first.
    if (this.target && this.lines.at(this.target.from) === this.lines.at(from)) add(this.target, "target");
    if (this.words) {
      this.words.lastIndex = 0;
      for (let match; (match = this.words.exec(text)) && match[0]; ) found.push({ from: match.index, to: match.index + match[0].length, name: "found" });
    }
    add(this.match, "found-here");
    return found;
  }

  // --- long lines -----------------------------------------------------------------------------------
  private rest(line: number, hidden: number): HTMLElement {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link rest";
    button.textContent = `… show all (${hidden.toLocaleString("en-US")} more characters)`;
    button.addEventListener("click", () => {
      this.unfold(line);
      this.cursor(this.lines.start(line), false); // the line whose ends the keys go to
      this.focus();
    });
    return button;
  }

  private unfold(line: number): void {
    if (this.unfolded.has(line)) return;
    this.unfolded.set(line, new Quotes(this.lines.text, this.lines.start(line), this.lines.end(line)));
    this.measure();
  }

  // --- going to places ------------------------------------------------------------------------------
  private reveal(offset: number, centre: boolean): void {
    const line = this.lines.at(offset);
    const column = offset - this.lines.start(line);
    if (this.lines.length(line) > LINE_MAX && column >= LINE_SHOWN) this.unfold(line);
    const at = PAD + line * this.height;
    const top = this.y.toText(this.scroller.scrollTop);
    const room = this.y.view - this.height;
    if (centre) this.scroller.scrollTop = this.y.toScroll(at - room / 2);
    else if (at < top) this.scroller.scrollTop = this.y.toScroll(at);
    else if (at > top + room) this.scroller.scrollTop = this.y.toScroll(at - room);
    if (!centre) return;
    const left = this.x.toText(this.scroller.scrollLeft) / this.width;
    if (column < left || column > left + this.columns - 10) this.scroller.scrollLeft = column < this.columns - 10 ? 0 : this.x.toScroll((column - 10) * this.width);
  }

  private cursor(offset: number, byKey: boolean): void {
    const old = this.here;
    this.here = this.lines.at(offset);
    if (byKey) this.reveal(offset, false);
    for (const line of [old, this.here]) {
      const one = this.shown.get(line);
      if (one) one.row.element.className = this.classOf(line, this.marked.get(line));
    }
    this.events.moved(offset, byKey);
  }

  private toLine(line: number): void {
    const to = limited(line, 0, this.lines.count - 1);
    const start = this.lines.start(to);
    const indent = /^ */.exec(this.lines.text.slice(start, Math.min(this.lines.end(to), start + LINE_SHOWN)))![0].length;
    this.cursor(start + indent, true);
  }

  private key(event: KeyboardEvent): void {
    const command = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (command && letter === "f") this.events.find(0);
    else if (event.key === "F3" || (command && letter === "g")) this.events.find(event.shiftKey ? -1 : 1);
    else if (command && letter === "a") this.chosen.choose({ anchor: 0, head: this.lines.text.length });
    else if (event.shiftKey || event.altKey || !this.move(event.key, command)) return;
    event.preventDefault();
  }

  private move(key: string, command: boolean): boolean {
    const here = this.here < 0 ? Math.max(0, this.first) : this.here;
    const { scroller } = this;
    if (key === "Home") this.toLine(0);
    else if (key === "End") this.toLine(this.lines.count - 1);
    else if (key === "ArrowLeft") scroller.scrollLeft = command ? 0 : this.x.toScroll(this.x.toText(scroller.scrollLeft) - 6 * this.width);
    else if (key === "ArrowRight") scroller.scrollLeft = this.x.toScroll(command ? Math.max(0, this.lines.length(here) - this.columns + 4) * this.width : this.x.toText(scroller.scrollLeft) + 6 * this.width);
    else if (command) return false;
    else if (key === "ArrowDown") this.toLine(this.here < 0 ? here : here + 1);
    else if (key === "ArrowUp") this.toLine(here - 1);
    else if (key === "PageDown") this.toLine(here + this.page);
    else if (key === "PageUp") this.toLine(here - this.page);
    else return false;
    return true;
  }

  // --- selecting ------------------------------------------------------------------------------------
  private copy(event: ClipboardEvent): void {
    if (!this.chosen.any || !event.clipboardData) return;
    event.clipboardData.setData("text/plain", this.chosen.text(this.lines.text));
    event.preventDefault();
  }

  offsetOf(node: Node, offset: number): number | null {
    if (!this.body.contains(node)) return null;
    for (const { row, line } of this.shown.values())
      if (row.element.contains(node)) return this.lines.start(line) + row.columnOf(node, offset);
    // Between lines: before the one that comes next.
    const next = node.childNodes[offset];
    for (const { row, line } of this.shown.values()) if (row.element === next) return this.lines.start(line);
    return this.lines.end(this.last);
  }

  placeOf(offset: number): { row: Row; column: number; offset: number } | null {
    const line = limited(this.lines.at(offset), this.first, this.last);
    const one = this.shown.get(line);
    if (!one) return null;
    const start = this.lines.start(line);
    const column = limited(offset - start, one.row.first, one.row.first + one.row.length);
    return { row: one.row, column, offset: start + column };
  }
}
