import { useState } from "preact/hooks";
import { count } from "../format.ts";
import { cut, pieces } from "./visible.ts";

interface Props {
  value: string | null | undefined;
  /** characters shown before "show all" */
  max?: number;
  /** several lines: breaks are kept */
  lines?: boolean;
  mono?: boolean;
  /** in a cell or a button: cut without a way to see all */
  brief?: boolean;
}

/** Codes and addresses break behind their own joints before they break anywhere. */
function joints(text: string) {
  return text.length > 600 ? text : text.split(/(?<=[_/|#?&=])/).flatMap((part, i) => (i ? [<wbr key={i} />, part] : [part]));
}

/** Every text that came from outside is shown by this, and by nothing else: as text, isolated, cut. */
export function Text({ value, max = 400, lines = false, mono = false, brief = false }: Props) {
  const [all, setAll] = useState(false);
  if (value === null || value === undefined || value === "") return <span class="none">–</span>;
  const whole = all || value.length <= max;
  const shown = whole ? value : cut(value, max);
  const marked = pieces(shown, lines);
  const kind = [mono && "mono", lines && "lines", all && value.length > 4000 && "long"].filter(Boolean).join(" ");
  return (
    <>
      <bdi class={kind || undefined} dir="auto" tabIndex={all && value.length > 4000 ? 0 : undefined}>
        {marked.map((p, i) => (p.mark ? <span class="mark" key={i}>{p.text}</span> : mono ? joints(p.text) : p.text))}
        {!whole && "…"}
      </bdi>
      {!whole && !brief && (
        <button type="button" class="link" onClick={() => setAll(true)}>
          show all ({count(value.length)} characters)
        </button>
      )}
    </>
  );
}
