import { Text as DocText, EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { openSearchPanel, search, searchKeymap } from "@codemirror/search";
import { useEffect, useImperativeHandle, useRef, useState } from "preact/hooks";
import type { Ref } from "preact";
import { Text } from "../parts/Text.tsx";
import { common, setIssues, setTarget } from "./editor.ts";
import { firstLines } from "./layout.ts";
import { Reader } from "./reader.ts";
import { rootIn } from "./root.ts";
import type { Piece, Spot } from "./worker.ts";

/** A payload of any size: set out in lines, searchable, with the lines of its issues marked. */
export interface Issue {
  severity: string;
  expression: string | null;
  line: number | null;
  col: number | null;
}

export interface ViewerHandle {
  /** Goes to the place of an issue, and says which it found. */
  show(issue: Issue): Promise<Spot | null>;
}

interface Props {
  text: string;
  issues: Issue[];
  label: string;
  handle?: Ref<ViewerHandle>;
}

/** So long at a time the page is kept from what else it has to do. */
const SLICE_MS = 6;

/** Takes pieces as they come. What stands from the beginning is shown at once; what comes behind is joined
 *  between frames, out of sight, and put in by one change: an editor's change costs a frame however small it is. */
class Filler {
  private readonly waiting: string[] = [];
  private joined = DocText.empty;
  private from = 0;
  private running: Promise<void> | null = null;
  closed = false;

  constructor(private readonly view: EditorView) {}

  take(piece: Piece): void {
    if (piece.from === 0) {
      this.waiting.length = 0;
      this.joined = DocText.empty;
      this.put(piece.text, 0);
      this.from = piece.text.length;
      return;
    }
    this.waiting.push(piece.text);
    this.running ??= this.join();
  }

  private put(insert: string | DocText, from: number): void {
    if (!this.closed) this.view.dispatch({ changes: { from, to: this.view.state.doc.length, insert } });
  }

  private async join(): Promise<void> {
    while (!this.closed && this.waiting.length) {
      await new Promise((resolve) => setTimeout(resolve));
      const until = performance.now() + SLICE_MS;
      for (let next; performance.now() < until && (next = this.waiting.shift()) !== undefined; ) this.joined = this.joined.append(DocText.of(next.split("\n")));
    }
    this.running = null;
  }

  /** Call it when nothing comes any more. */
  async done(): Promise<void> {
    while (this.running) await this.running;
    if (this.joined.length) this.put(this.joined, this.from);
  }
}

function placeOf(issue: Issue) {
  return { expression: issue.expression, line: issue.line, column: issue.col };
}

function makeView(host: HTMLElement, label: string, moved: (at: number) => void): EditorView {
  const { root, parent } = rootIn(host);
  return new EditorView({
    root,
    parent,
    state: EditorState.create({
      doc: "",
      extensions: [
        lineNumbers(),
        search({ top: true }),
        keymap.of(searchKeymap),
        EditorState.readOnly.of(true),
        EditorView.editable.of(false),
        EditorView.contentAttributes.of({ tabindex: "0", "aria-label": label, "aria-readonly": "true", "aria-multiline": "true", role: "textbox" }),
        EditorView.updateListener.of((update) => {
          if (update.selectionSet) moved(update.state.selection.main.head);
        }),
        common(),
      ],
    }),
  });
}

export function Viewer({ text, issues, label, handle }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const reader = useRef<Reader | null>(null);
  const ready = useRef<Promise<void>>(Promise.resolve());
  const [state, setState] = useState<{ loading: boolean; wrong: string | null }>({ loading: true, wrong: null });
  const [path, setPath] = useState("");

  useEffect(() => {
    const r = (reader.current = new Reader());
    const v = (view.current = makeView(place.current!, label, (at) => void r.pathAt(at).then(setPath)));
    const filler = new Filler(v);
    const open = async () => {
      setState({ loading: true, wrong: null });
      const first = firstLines(text);
      if (first) filler.take({ from: 0, text: first });
      const opened = await r.open(text, (piece) => filler.take(piece), first.length);
      const spots = await r.spots(issues.map(placeOf));
      await filler.done();
      if (filler.closed) return;
      const marked = spots.flatMap((spot, i) => (spot ? [{ from: spot.from, severity: issues[i]!.severity }] : []));
      v.dispatch({ effects: setIssues.of(marked) });
      setState({ loading: false, wrong: opened.wrong });
    };
    ready.current = open();
    return () => {
      filler.closed = true;
      v.destroy();
      r.close();
    };
  }, [text, issues, label]);

  useImperativeHandle(handle ?? null, () => ({
    async show(issue) {
      await ready.current;
      const v = view.current;
      const [spot] = (await reader.current?.spots([placeOf(issue)])) ?? [null];
      if (!v || !spot) return null;
      v.dispatch({
        selection: { anchor: spot.from },
        effects: [setTarget.of(spot), EditorView.scrollIntoView(spot.from, { y: "center" })],
      });
      setPath(spot.path);
      return spot;
    },
  }), []);

  return (
    <div class="viewer">
      <div class="viewer-bar">
        <span class="viewer-path" title="Where the cursor is">
          {path ? <Text value={path} mono brief max={300} /> : <span class="soft">{state.loading ? "Reading…" : "Click into the text to see the path of a place"}</span>}
        </span>
        <button type="button" class="quiet small" onClick={() => view.current && openSearchPanel(view.current)}>Find</button>
      </div>
      {state.wrong && <p class="notice warn">{state.wrong}</p>}
      <div class="viewer-text" ref={place} aria-busy={state.loading} />
    </div>
  );
}
