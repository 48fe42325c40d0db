import { useEffect, useImperativeHandle, useMemo, useReducer, useRef, useState } from "preact/hooks";
import type { Ref } from "preact";
import { Text } from "../parts/Text.tsx";
import { plain } from "../parts/visible.ts";
import { Find } from "./Find.tsx";
import { firstLines, isLegible, looksLikeJson } from "./layout.ts";
import { Lines } from "./lines.ts";
import { type Marked, Pane } from "./pane.ts";
import { Reader } from "./reader.ts";
import type { Spot } from "./worker.ts";

/** A payload of any size: set out in lines, searchable, with the lines of its issues marked. */
export interface Issue {
  severity: string;
  expression: string | null;
  line: number | null;
  col: number | null;
  diagnostics?: string | null;
  message_id?: string | null;
}

export interface ViewerHandle {
  /** Goes to the place of an issue, and says which it found. */
  show(issue: Issue): Promise<Shown | null>;
}

/** A place, and the line (from 1) it is seen at; `exact`: that is the text's own line. */
export interface Shown extends Spot {
  line: number;
  exact: boolean;
}

interface Props {
  text: string;
  /** another text of the same is shown where the one before was: masked, then revealed */
  of?: string;
  issues: Issue[];
  label: string;
  /** what its own form is called */
  exact: string;
  /** another form is chosen: what was said of lines holds no longer */
  onForm?: () => void;
  handle?: Ref<ViewerHandle>;
}

function placeOf(issue: Issue) {
  return { expression: issue.expression, line: issue.line, column: issue.col };
}

const WORST = ["information", "warning", "error", "fatal"];
/** So many of a line's issues are told by its mark. */
const TOLD = 5;

/** What a line's mark says: its worst issue decides the colour. */
function marksOf(lines: Lines, issues: Issue[], spots: (Spot | null)[]): Map<number, Marked> {
  const byLine = new Map<number, Issue[]>();
  spots.forEach((spot, i) => {
    if (!spot) return;
    const line = lines.at(spot.from);
    const others = byLine.get(line);
    if (others) others.push(issues[i]!);
    else byLine.set(line, [issues[i]!]);
  });
  const marks = new Map<number, Marked>();
  for (const [line, found] of byLine) {
    found.sort((a, b) => WORST.indexOf(b.severity) - WORST.indexOf(a.severity));
    const told = found.slice(0, TOLD).map((i) => `${i.severity}: ${plain(i.diagnostics ?? i.message_id ?? "no text", 300)}`);
    if (found.length > TOLD) told.push(`and ${found.length - TOLD} more`);
    marks.set(line, { severity: found[0]!.severity, label: told.join("; ") });
  }
  return marks;
}

/** Asks for the path of a place; while one is looked for, only the last of those that follow waits. */
class Paths {
  private busy = false;
  private next: number | null = null;

  constructor(
    private readonly reader: Reader,
    private readonly tell: (path: string, at: number) => void,
  ) {}

  async ask(at: number): Promise<void> {
    this.next = at;
    if (this.busy) return;
    this.busy = true;
    while (this.next !== null) {
      const asked: number = this.next;
      this.next = null;
      const path = await this.reader.pathAt(asked);
      this.tell(path, asked);
    }
    this.busy = false;
  }
}

type Chosen = "exact" | "formatted";
/** Who has chosen a form sees every such text in it, as long as the page is open: one whose lines can be read, or one
 *  of a single endless line. */
const preferred = new Map<boolean, Chosen>();

function Forms({ form, exact, onForm }: { form: Chosen; exact: string; onForm: (form: Chosen) => void }) {
  return (
    <span class="forms" role="group" aria-label="Form of the text">
      <button type="button" class="small" aria-pressed={form === "exact"} title="Its own lines: those that issues name" onClick={() => onForm("exact")}>{exact}</button>
      <button type="button" class="small" aria-pressed={form === "formatted"} title="A member a line; lines are counted anew" onClick={() => onForm("formatted")}>Formatted</button>
    </span>
  );
}

export function Viewer({ text, of = "", issues, label, exact, onForm, handle }: Props) {
  const json = useMemo(() => looksLikeJson(text), [text]);
  const legible = useMemo(() => isLegible(text), [text]);
  const [, chosen] = useReducer((n: number) => n + 1, 0);
  const form: Chosen = !json ? "exact" : (preferred.get(legible) ?? (legible ? "exact" : "formatted"));
  const chooseForm = (next: Chosen) => {
    preferred.set(legible, next);
    chosen(undefined as never);
    onForm?.();
  };
  const [formatted, setFormatted] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const [pane, setPane] = useState<Pane | null>(null);
  const reader = useRef<Reader | null>(null);
  const ready = useRef<Promise<Pane | null>>(Promise.resolve(null));
  const moved = useRef<(at: number, byKey: boolean) => void>(() => {});
  const marks = useRef(new Map<number, Marked>());
  /** the one whose place was gone to */
  const target = useRef<Issue | null>(null);
  const [state, setState] = useState<{ loading: boolean; wrong: string | null }>({ loading: true, wrong: null });
  const [path, setPath] = useState("");
  const [told, setTold] = useState("");
  const [find, setFind] = useState<{ asked: number; way: number } | null>(null);
  const ask = (way: number) => setFind((old) => ({ asked: (old?.asked ?? 0) + 1, way: old ? way : 0 }));

  const held = useRef<Pane | null>(null);
  const lastForm = useRef(form);
  useEffect(() => {
    const p = (held.current = new Pane(place.current!, label, new Lines(firstLines(text, form === "formatted")), { moved: (at, byKey) => moved.current(at, byKey), find: ask }));
    target.current = null;
    setPane(p);
    return () => {
      setPane(null);
      p.close();
    };
  }, [of, label]);

  useEffect(() => {
    let closed = false;
    const p = held.current!;
    const r = (reader.current = new Reader());
    let byKey = false;
    const paths = new Paths(r, (found, at) => {
      if (closed) return;
      const line = p.lines.at(at);
      setPath(found);
      if (byKey) setTold(`Line ${line + 1}, ${plain(found, 300)}${marks.current.has(line) ? `, ${marks.current.get(line)!.label}` : ""}`);
    });
    moved.current = (at, key) => {
      byKey = key;
      void paths.ask(at);
    };
    const open = async () => {
      setState({ loading: true, wrong: null });
      const { shown, wrong, json: fine } = await r.open(text, form);
      if (closed) return null;
      p.set(new Lines(shown!.text, shown!.starts, shown!.widest));
      const spot = target.current && ((await r.spots([placeOf(target.current)]))[0] ?? null);
      if (closed) return null;
      if (spot && lastForm.current !== form) p.goTo(spot); // other lines: it is elsewhere now
      else if (target.current) p.aim(spot);
      lastForm.current = form;
      setFormatted(fine && form === "formatted");
      setState({ loading: false, wrong });
      return p;
    };
    ready.current = open();
    return () => {
      closed = true;
      r.close();
    };
  }, [text, of, label, form]);

  useEffect(() => {
    let gone = false;
    const mark = async () => {
      const p = await ready.current;
      const spots = p && (await reader.current?.spots(issues.map(placeOf)));
      if (gone || !p || !spots) return;
      p.mark((marks.current = marksOf(p.lines, issues, spots)));
    };
    void mark();
    return () => {
      gone = true;
    };
  }, [text, of, issues, label, form]);

  useImperativeHandle(handle ?? null, () => ({
    async show(issue) {
      const p = await ready.current;
      const [spot] = (p && (await reader.current?.spots([placeOf(issue)]))) ?? [null];
      if (!p || !spot) return null;
      target.current = issue;
      p.goTo(spot);
      setPath(spot.path);
      return { ...spot, line: p.lines.at(spot.from) + 1, exact: !formatted };
    },
  }), [formatted]);

  const close = () => {
    setFind(null);
    pane?.focus();
  };
  return (
    <div class="viewer">
      <div class="viewer-bar">
        <span class="viewer-path" title="Where the cursor is">
          {path ? <Text value={path} mono brief max={300} /> : <span class="soft">{state.loading ? "Reading…" : "Click into the text to see the path of a place"}</span>}
        </span>
        <span class="hidden-label" role="status">{told}</span>
        {json && <Forms form={form} exact={exact} onForm={chooseForm} />}
        <button type="button" class="quiet small" aria-expanded={find !== null} onClick={() => ask(0)}>Find</button>
      </div>
      {find && pane && <Find pane={pane} again={find} onClose={close} />}
      {state.wrong && <p class="notice warn">{state.wrong}</p>}
      <div class="viewer-text" ref={place} aria-busy={state.loading} />
    </div>
  );
}
