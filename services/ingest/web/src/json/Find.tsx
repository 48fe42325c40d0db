import { useEffect, useRef, useState } from "preact/hooks";
import { type Match, nextMatch, patternOf, previousMatch } from "./find.ts";
import type { Pane } from "./pane.ts";

interface Props {
  pane: Pane;
  /** counts how often it was asked for, and which way to go on */
  again: { asked: number; way: number };
  onClose: () => void;
}

/** Typing in a text of 10 MiB looks for what was typed once the typing rests. */
const REST_MS = 120;

/** Words in a text, forwards and back, and from its other end on. */
export function Find({ pane, again, onClose }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [words, setWords] = useState("");
  const [sameCase, setSameCase] = useState(false);
  const [said, setSaid] = useState("");
  const timer = useRef(0);

  const go = (way: number, what = words, exact = sameCase) => {
    if (!what) {
      setSaid("");
      return pane.found(null, null);
    }
    const pattern = patternOf(what, exact);
    const { text } = pane.lines;
    const at = pane.at;
    let match: Match | null = way < 0 ? previousMatch(text, pattern, at) : nextMatch(text, pattern, at + way);
    const round = match === null;
    match ??= way < 0 ? previousMatch(text, pattern, text.length) : nextMatch(text, pattern, 0);
    pane.found(pattern, match);
    setSaid(match ? `Line ${pane.lines.at(match.from) + 1}${round ? (way < 0 ? ", from the end again" : ", from the beginning again") : ""}` : "Not found");
  };
  const soon = (what: string, exact: boolean) => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => go(0, what, exact), REST_MS);
  };
  useEffect(() => {
    if (again.way !== 0) return go(again.way);
    input.current?.focus();
    input.current?.select();
  }, [again]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => () => pane.found(null, null), [pane]);
  const key = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
    else if (event.key === "Enter" && event.target === input.current) {
      clearTimeout(timer.current);
      go(event.shiftKey ? -1 : 1);
    } else if (event.key === "F3" || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "g")) go(event.shiftKey ? -1 : 1);
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f") input.current?.select();
    else return;
    event.preventDefault();
  };
  return (
    <div class="code-find" role="search" aria-label="Find in the payload" onKeyDown={key}>
      <input ref={input} type="search" aria-label="Find" placeholder="Find" spellcheck={false} value={words} onInput={(e) => { setWords(e.currentTarget.value); soon(e.currentTarget.value, sameCase); }} />
      <button type="button" class="small" onClick={() => go(1)}>Next</button>
      <button type="button" class="small" onClick={() => go(-1)}>Previous</button>
      <label class="small"><input type="checkbox" checked={sameCase} onChange={(e) => { setSameCase(e.currentTarget.checked); soon(words, e.currentTarget.checked); }} /> match case</label>
      <span class="soft small" role="status">{said}</span>
      <span class="spring" />
      <button type="button" class="quiet small" aria-label="Close the search" onClick={onClose}>×</button>
    </div>
  );
}
