import { lineStarts } from "./tree.ts";

/** What is longer is cut, until all of it is asked for. */
export const LINE_MAX = 1200;
export const LINE_SHOWN = 600;

/** A text and where its lines begin: no line becomes a string before it is shown. Lines count from 0. */
export class Lines {
  readonly count: number;

  constructor(
    readonly text: string,
    readonly starts: Int32Array = lineStarts(text),
    /** in letters */
    readonly widest = widestOf(text, starts, LINE_MAX, LINE_SHOWN),
  ) {
    this.count = starts.length;
  }

  start(line: number): number {
    return this.starts[line]!;
  }

  /** Before the break; that of a text from Windows has two characters. */
  end(line: number): number {
    if (line + 1 >= this.count) return this.text.length;
    const end = this.starts[line + 1]! - 1;
    return end > this.starts[line]! && this.text.charCodeAt(end - 1) === 13 ? end - 1 : end;
  }

  length(line: number): number {
    return this.end(line) - this.start(line);
  }

  /** The line that an offset is in. */
  at(offset: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** How much wider than a letter of ours a character is at most: signs of other scripts, and names of hidden ones. */
function wider(code: number): number {
  if (code < 32 || (code >= 0x7f && code < 0xa0) || (code >= 0x2000 && code < 0x2070) || code >= 0xd800) return 7;
  return code > 0xff ? 1 : 0;
}

/** The widest line in letters, of what is shown of lines beyond a length. A line is only read when it could be it. */
export function widestOf(text: string, starts: Int32Array, max: number, shownOfLonger: number): number {
  let most = 0;
  for (let line = 0; line < starts.length; line++) {
    const start = starts[line]!;
    const length = (line + 1 < starts.length ? starts[line + 1]! - 1 : text.length) - start;
    const shown = length > max ? shownOfLonger : length;
    if (8 * shown <= most) continue;
    let width = shown;
    for (let at = start; at < start + shown; at++) width += wider(text.charCodeAt(at));
    if (width > most) most = width;
  }
  return most;
}

/** Browsers lay out some 17 to 33 million pixels at most; more of them are scrolled through at a scale. */
const SHOWN_MAX = 15_000_000;

/** One direction of scrolling: what the text takes, and what the scroll bar is told. */
export class Axis {
  readonly shown: number;
  readonly scale: number;

  constructor(
    readonly size: number,
    readonly view: number,
  ) {
    this.shown = Math.min(size, SHOWN_MAX);
    this.scale = this.shown < size ? (size - view) / (this.shown - view) : 1;
  }

  toText(scroll: number): number {
    return scroll * this.scale;
  }

  toScroll(at: number): number {
    return Math.min(Math.max(0, at), Math.max(0, this.size - this.view)) / this.scale;
  }
}

/** Not between the halves of a character of two. */
export function whole(text: string, at: number): number {
  const code = text.charCodeAt(at);
  const before = text.charCodeAt(at - 1);
  return code >= 0xdc00 && code <= 0xdfff && before >= 0xd800 && before <= 0xdbff ? at - 1 : at;
}
