import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType, highlightSpecialChars } from "@codemirror/view";
import { type EditorState, type Extension, RangeSetBuilder, StateEffect, StateField } from "@codemirror/state";

/** What every editor and viewer of the pages has: colours of JSON, hidden characters made visible, long
 *  lines cut, a look that follows the tokens. */

// --- colours, of the lines that are seen only ------------------------------------------------------
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g;
const marks = {
  name: Decoration.mark({ class: "j-name" }),
  text: Decoration.mark({ class: "j-text" }),
  number: Decoration.mark({ class: "j-number" }),
  word: Decoration.mark({ class: "j-word" }),
};
/** A line's colours are looked for in so many characters of it. */
const COLOURED = 4000;

function colours(view: EditorView): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      const text = line.length > COLOURED ? line.text.slice(0, COLOURED) : line.text;
      for (const match of text.matchAll(TOKEN)) {
        const start = line.from + match.index;
        const kind = match[1] ? (match[2] ? marks.name : marks.text) : match[3] ? marks.number : marks.word;
        builder.add(start, start + (match[1] ?? match[0]).length, kind);
      }
      at = line.to + 1;
    }
  }
  return builder.finish();
}

const colouring = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    constructor(view: EditorView) {
      this.decorations = colours(view);
    }
    update(update: ViewUpdate) {
      if (update.docChanged || update.viewportChanged) this.decorations = colours(update.view);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

// --- long lines -----------------------------------------------------------------------------------
const LINE_SHOWN = 600;
const LINE_MAX = 1200;
const unfold = StateEffect.define<number>();

class Rest extends WidgetType {
  constructor(readonly hidden: number, readonly at: number) {
    super();
  }
  override eq(other: Rest) {
    return other.hidden === this.hidden && other.at === this.at;
  }
  override toDOM(view: EditorView) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link rest";
    button.textContent = `… show all (${this.hidden.toLocaleString("en-US")} more characters)`;
    button.addEventListener("click", () => view.dispatch({ effects: unfold.of(this.at) }));
    return button;
  }
  override ignoreEvent() {
    return true;
  }
}

/** Lines are looked at as they come, in the part of the document that changed. */
function cuts(state: EditorState, from: number, to: number, found: { from: number; to: number; value: Decoration }[]): void {
  const lines = state.doc.iterRange(from, to);
  let at = from;
  for (const text of lines) {
    if (text !== "\n" && text.length > LINE_MAX) {
      const start = at + LINE_SHOWN;
      const end = at + text.length;
      found.push({ from: start, to: end, value: Decoration.replace({ widget: new Rest(end - start, start) }) });
    }
    at += text.length;
  }
}

const longLines = StateField.define<DecorationSet>({
  create(state) {
    const found: { from: number; to: number; value: Decoration }[] = [];
    cuts(state, 0, state.doc.length, found);
    return Decoration.set(found.map((f) => f.value.range(f.from, f.to)));
  },
  update(value, tr) {
    let next = value.map(tr.changes);
    if (tr.docChanged) {
      const found: { from: number; to: number; value: Decoration }[] = [];
      tr.changes.iterChangedRanges((_a, _b, from, to) => {
        const first = tr.state.doc.lineAt(from).from;
        const last = tr.state.doc.lineAt(to).to;
        next = next.update({ filter: () => false, filterFrom: first, filterTo: last });
        cuts(tr.state, first, last, found);
      });
      next = next.update({ add: found.map((f) => f.value.range(f.from, f.to)) });
    }
    for (const effect of tr.effects)
      if (effect.is(unfold)) next = next.update({ filter: (from) => from !== effect.value, filterFrom: effect.value, filterTo: effect.value + 1 });
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// --- issues ---------------------------------------------------------------------------------------
export interface MarkedIssue {
  from: number;
  severity: string;
}

export const setIssues = StateEffect.define<MarkedIssue[]>();
export const setTarget = StateEffect.define<{ from: number; to: number } | null>();

const worst = ["information", "warning", "error", "fatal"];

export const issueLines = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(value, tr) {
    let next = value.map(tr.changes);
    for (const effect of tr.effects) {
      if (!effect.is(setIssues)) continue;
      const byLine = new Map<number, string>();
      for (const issue of effect.value) {
        const line = tr.state.doc.lineAt(Math.min(issue.from, tr.state.doc.length)).from;
        const old = byLine.get(line);
        if (!old || worst.indexOf(issue.severity) > worst.indexOf(old)) byLine.set(line, issue.severity);
      }
      next = Decoration.set(
        [...byLine].map(([at, severity]) => Decoration.line({ class: `issue-line issue-${severity}` }).range(at)),
        true,
      );
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export const targetMark = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(value, tr) {
    let next = value.map(tr.changes);
    for (const effect of tr.effects) {
      if (!effect.is(setTarget)) continue;
      if (!effect.value) return Decoration.none;
      const from = Math.min(effect.value.from, tr.state.doc.length);
      const line = tr.state.doc.lineAt(from);
      const to = Math.min(effect.value.to, line.to);
      const ranges = [Decoration.line({ class: "target-line" }).range(line.from)];
      if (to > from) ranges.push(Decoration.mark({ class: "target" }).range(from, to));
      next = Decoration.set(ranges, true);
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// --- hidden characters ----------------------------------------------------------------------------
const hidden = highlightSpecialChars({
  addSpecialChars: /[\u0080-\u009f\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufff9-\ufffc]/g,
  render: (code, _description, placeholder) => {
    const span = document.createElement("span");
    span.className = "mark";
    const name = code < 32 ? placeholder : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    span.textContent = name;
    return span;
  },
});

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "var(--size-s)", backgroundColor: "var(--surface)", color: "var(--text)" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--text-soft)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLineGutter": { color: "var(--text)", fontWeight: "600" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection": { backgroundColor: "var(--chosen) !important" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--text)", borderColor: "var(--line) !important" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-bg)", outline: "1px solid var(--warn)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--chosen)" },
});

export function common(): Extension {
  return [colouring, longLines, issueLines, targetMark, hidden, look, EditorView.editorAttributes.of({ dir: "ltr" })];
}
