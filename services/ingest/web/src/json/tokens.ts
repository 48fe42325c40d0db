/** What has which colour in a line of JSON, or in a part of one. */
export interface Colour {
  from: number;
  to: number;
  name: "j-name" | "j-text" | "j-number" | "j-word";
}

/** Whether an offset is outside of quotes, within, or within and behind a backslash. */
export const enum Quoted {
  No = 0,
  Yes = 1,
  Escape = 2,
}

// A text that does not end is one up to the line's end.
const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*(?:"(\s*:)?|\\?$)|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g;
const ENDS = /^[^"\\]*(?:\\[^][^"\\]*)*(?:"(\s*:)?|\\?$)/;

/** begins: what the part begins in. */
export function coloursOf(text: string, begins: Quoted = Quoted.No): Colour[] {
  const found: Colour[] = [];
  let at = 0;
  if (begins !== Quoted.No) {
    const skip = begins === Quoted.Escape ? 1 : 0;
    const match = ENDS.exec(text.slice(skip));
    at = match ? skip + match[0].length - (match[1]?.length ?? 0) : text.length;
    if (at > 0) found.push({ from: 0, to: at, name: match?.[1] === undefined ? "j-text" : "j-name" });
  }
  TOKEN.lastIndex = at;
  for (let match; (match = TOKEN.exec(text)); ) {
    const from = match.index;
    const first = match[0].charCodeAt(0);
    const colon = match[1]?.length ?? 0;
    const name = first === 34 ? (match[1] === undefined ? "j-text" : "j-name") : first === 45 || first < 58 ? "j-number" : "j-word";
    found.push({ from, to: from + match[0].length - colon, name });
  }
  return found;
}

function scan(text: string, from: number, to: number, state: Quoted): Quoted {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (state === Quoted.Escape) state = Quoted.Yes;
    else if (code === 34) state = state === Quoted.Yes ? Quoted.No : Quoted.Yes;
    else if (code === 92 && state === Quoted.Yes) state = Quoted.Escape;
  }
  return state;
}

const STEP = 4096;

/** Of one long line: what any of its places is in. It is read once, as far as it is asked for. */
export class Quotes {
  private readonly states: Uint8Array;
  private known = 1;

  constructor(
    private readonly text: string,
    private readonly from: number,
    to: number,
  ) {
    this.states = new Uint8Array(Math.ceil((to - from) / STEP) + 1);
  }

  at(offset: number): Quoted {
    const step = Math.floor((offset - this.from) / STEP);
    for (; this.known <= step; this.known++) {
      const start = this.from + (this.known - 1) * STEP;
      this.states[this.known] = scan(this.text, start, start + STEP, this.states[this.known - 1]!);
    }
    return scan(this.text, this.from + step * STEP, offset, this.states[step]!);
  }
}
