import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { useEffect, useImperativeHandle, useRef, useState } from "preact/hooks";
import type { Ref } from "preact";
import { common, setIssues, setTarget } from "./editor.ts";
import { Reader } from "./reader.ts";
import { rootIn } from "./root.ts";
import type { Issue } from "./Viewer.tsx";
import type { Spot } from "./worker.ts";

export interface EditorHandle {
  text(): string;
  set(text: string): void;
  /** Marks the lines of issues; they hold for the text as it is now. */
  mark(issues: Issue[]): Promise<void>;
  show(issue: Issue): Promise<Spot | null>;
  goTo(line: number): void;
}

interface Props {
  first: string;
  label: string;
  readOnly?: boolean;
  handle: Ref<EditorHandle>;
  onChange?: () => void;
}

/** The place of an issue in a text that is shown as it was typed: a reader of its own that lays nothing out. */
async function spotsOf(text: string, issues: Issue[]): Promise<(Spot | null)[]> {
  const reader = new Reader();
  try {
    await reader.open(text, "places");
    return await reader.spots(issues.map((i) => ({ expression: i.expression, line: i.line, column: i.col })));
  } finally {
    reader.close();
  }
}

/** Escape leaves it by Tab: inside, Tab goes on to the next control as everywhere, it indents nothing. */
export function Editor({ first, label, readOnly = false, handle, onChange }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const changed = useRef(onChange);
  changed.current = onChange;
  const [dropping, setDropping] = useState(false);

  useEffect(() => {
    const { root, parent } = rootIn(place.current!);
    const v = (view.current = new EditorView({
      root,
      parent,
      state: EditorState.create({
        doc: first,
        extensions: [
          lineNumbers(),
          history(),
          search({ top: true }),
          keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap]),
          EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
          EditorView.updateListener.of((update) => update.docChanged && changed.current?.()),
          common(),
        ],
      }),
    }));
    return () => v.destroy();
  }, [first, label, readOnly]);

  useImperativeHandle(handle, () => ({
    text: () => view.current!.state.doc.toString(),
    set: (text) => view.current!.dispatch({ changes: { from: 0, to: view.current!.state.doc.length, insert: text } }),
    async mark(issues) {
      const v = view.current!;
      const doc = v.state.doc;
      const spots = await spotsOf(doc.toString(), issues);
      if (v.state.doc !== doc) return;
      v.dispatch({ effects: setIssues.of(spots.flatMap((spot, i) => (spot ? [{ from: spot.from, severity: issues[i]!.severity }] : []))) });
    },
    async show(issue) {
      const v = view.current!;
      const [spot] = await spotsOf(v.state.doc.toString(), [issue]);
      if (!spot) return null;
      v.dispatch({ selection: { anchor: spot.from }, effects: [setTarget.of(spot), EditorView.scrollIntoView(spot.from, { y: "center" })] });
      return spot;
    },
    goTo(line) {
      const v = view.current!;
      const at = v.state.doc.line(Math.min(Math.max(1, line), v.state.doc.lines)).from;
      v.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
      v.focus();
    },
  }), []);

  const drop = async (event: DragEvent) => {
    const file = event.dataTransfer?.files[0];
    setDropping(false);
    if (!file || readOnly) return;
    event.preventDefault();
    event.stopPropagation();
    const text = await file.text();
    view.current?.dispatch({ changes: { from: 0, to: view.current.state.doc.length, insert: text } });
  };
  return (
    <div class={`editor ${dropping ? "dropping" : ""}`} onDragOver={(e) => { if (!readOnly) { e.preventDefault(); setDropping(true); } }} onDragLeave={() => setDropping(false)} onDropCapture={(e) => void drop(e)}>
      <div class="editor-text" ref={place} />
    </div>
  );
}
