import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { openSearchPanel, search, searchKeymap } from "@codemirror/search";
import { useEffect, useImperativeHandle, useRef, useState } from "preact/hooks";
import type { Ref } from "preact";
import { Text } from "../parts/Text.tsx";
import { common, setIssues, setTarget } from "./editor.ts";
import { Reader } from "./reader.ts";
import { rootIn } from "./root.ts";
import type { Spot } from "./worker.ts";

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

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(() => resolve(null)));

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
    let closed = false;
    const open = async () => {
      setState({ loading: true, wrong: null });
      const opened = await r.open(text);
      for (const part of opened.parts) {
        if (closed) return;
        v.dispatch({ changes: { from: v.state.doc.length, insert: part } });
        await nextFrame();
      }
      const spots = await r.spots(issues.map(placeOf));
      if (closed) return;
      const marked = spots.flatMap((spot, i) => (spot ? [{ from: spot.from, severity: issues[i]!.severity }] : []));
      v.dispatch({ effects: setIssues.of(marked) });
      setState({ loading: false, wrong: opened.wrong });
    };
    ready.current = open();
    return () => {
      closed = true;
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
