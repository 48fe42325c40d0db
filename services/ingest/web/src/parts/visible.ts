/** What a sender can hide in a text, made visible: control characters, marks of direction, invisible ones. */
const HIDDEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffc]|[\u{e0000}-\u{e0fff}]|[\ud800-\udfff]/gu;

const NAMES: Record<number, string> = {
  0x00: "NUL", 0x08: "BS", 0x09: "TAB", 0x0a: "LF", 0x0b: "VT", 0x0c: "FF", 0x0d: "CR", 0x1b: "ESC", 0x7f: "DEL",
  0x200b: "ZWSP", 0x200c: "ZWNJ", 0x200d: "ZWJ", 0x200e: "LRM", 0x200f: "RLM", 0x061c: "ALM", 0x202a: "LRE", 0x202b: "RLE",
  0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM",
};

export interface Piece {
  text: string;
  mark: boolean;
}

function nameOf(char: string): string {
  const code = char.codePointAt(0)!;
  return NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

export interface Hidden {
  at: number;
  length: number;
  name: string;
}

/** Line feeds and tabs stay as they are in texts of several lines. */
export function hiddenIn(text: string, lines: boolean): Hidden[] {
  const found: Hidden[] = [];
  for (const match of text.matchAll(HIDDEN)) {
    const char = match[0];
    if (lines && (char === "\n" || char === "\t")) continue;
    found.push({ at: match.index, length: char.length, name: nameOf(char) });
  }
  return found;
}

export function pieces(text: string, lines: boolean): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const mark of hiddenIn(text, lines)) {
    if (mark.at > at) found.push({ text: text.slice(at, mark.at), mark: false });
    found.push({ text: mark.name, mark: true });
    at = mark.at + mark.length;
  }
  if (at < text.length) found.push({ text: text.slice(at), mark: false });
  return found;
}

/** Cuts, but not through a pair of surrogates. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}

/** For attributes (titles, labels), where there is no element to put a mark into. */
export function plain(text: string, max = 200): string {
  const shown = pieces(cut(text, max), false).map((p) => (p.mark ? `[${p.text}]` : p.text)).join("");
  return text.length > max ? `${shown}…` : shown;
}
