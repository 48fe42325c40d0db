import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { common } from "./editor.ts";
import { Reader } from "./reader.ts";
import { rootIn } from "./root.ts";

interface Props {
  before: string;
  after: string;
  labels: [string, string];
}

/** Beyond so many characters differences are found line by line within a time, not to the letter. */
const diffConfig = { scanLimit: 2000, timeout: 400 };

async function setOut(text: string): Promise<string> {
  const reader = new Reader();
  try {
    return (await reader.open(text)).shown?.text ?? text;
  } finally {
    reader.close();
  }
}

function frozen(label: string): Extension {
  return [
    lineNumbers(),
    EditorState.readOnly.of(true),
    EditorView.editable.of(false),
    EditorView.contentAttributes.of({ tabindex: "0", "aria-label": label, role: "textbox", "aria-readonly": "true", "aria-multiline": "true" }),
    common(),
  ];
}

/** Pixels below which two columns would be too narrow to read: then what was taken out stands above what is new. */
const WIDE = 760;

/** Two JSON texts beside one another (one below the other where there is no room), what is equal folded. */
export function Diff({ before, after, labels }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [busy, setBusy] = useState(true);
  const [same, setSame] = useState(false);
  const [wide, setWide] = useState(true);
  useLayoutEffect(() => {
    const look = () => setWide(place.current!.clientWidth >= WIDE);
    const seen = new ResizeObserver(look);
    look();
    seen.observe(place.current!);
    return () => seen.disconnect();
  }, []);
  useEffect(() => {
    let closed = false;
    let close = () => {};
    setBusy(true);
    void Promise.all([setOut(before), setOut(after)]).then(([a, b]) => {
      if (closed) return;
      setSame(a === b);
      const collapseUnchanged = { margin: 3, minSize: 6 };
      const { root, parent } = rootIn(place.current!);
      if (wide) {
        const view = new MergeView({
          root, parent, diffConfig, collapseUnchanged, gutter: true,
          a: { doc: a, extensions: frozen(labels[0]) },
          b: { doc: b, extensions: frozen(labels[1]) },
        });
        close = () => view.destroy();
      } else {
        const view = new EditorView({
          root, parent, doc: b,
          extensions: [frozen(labels[1]), unifiedMergeView({ original: a, mergeControls: false, diffConfig, collapseUnchanged })],
        });
        close = () => view.destroy();
      }
      setBusy(false);
    });
    return () => {
      closed = true;
      close();
    };
  }, [before, after, wide]);
  return (
    <div class="diff">
      <div class={`diff-heads ${wide ? "" : "one"}`}><span>{labels[0]}</span><span>{labels[1]}</span></div>
      {same && <p class="notice good">Both are the same, set out in lines.</p>}
      <div class="diff-text" ref={place} aria-busy={busy} />
    </div>
  );
}
