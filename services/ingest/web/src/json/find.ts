/** Words in a text of any size. */
export interface Match {
  from: number;
  to: number;
}

export function patternOf(words: string, sameCase: boolean): RegExp {
  return new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), sameCase ? "g" : "gi");
}

/** The first at or behind an offset. */
export function nextMatch(text: string, pattern: RegExp, from: number): Match | null {
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  return match && match[0] ? { from: match.index, to: match.index + match[0].length } : null;
}

const BLOCK = 1 << 16;

/** The last that begins before an offset: looked for in blocks from there back. */
export function previousMatch(text: string, pattern: RegExp, before: number): Match | null {
  const overlap = pattern.source.length;
  for (let end = before; end > 0; end -= BLOCK) {
    const start = Math.max(0, end - BLOCK);
    const block = text.slice(start, Math.min(text.length, end + overlap));
    let last: Match | null = null;
    pattern.lastIndex = 0;
    for (let match; (match = pattern.exec(block)) && match[0] && start + match.index < end; pattern.lastIndex = match.index + 1) {
      last = { from: start + match.index, to: start + match.index + match[0].length };
    }
    if (last) return last;
  }
  return null;
}
