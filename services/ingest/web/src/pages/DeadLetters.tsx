import { useEffect, useRef, useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import { type DeadLetter, deadLetters } from "../data.ts";
import { count } from "../format.ts";
import { LettersTable, isDelivered, keyOf } from "../letters/Letters.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Answer, Empty, Panel } from "../parts/Panel.tsx";
import { PeriodPicker } from "../parts/PeriodPicker.tsx";
import { ALL, readPeriod } from "../period.ts";
import { change, place } from "../place.ts";
import { RevealTexts } from "../parts/Reveal.tsx";
import { ReplayDialog } from "../replay/ReplayDialog.tsx";
import { useStore } from "../store.ts";
import { useAsk } from "../useAsk.ts";

/** Without a time in the address it is about all there is. */
function allTime(query: URLSearchParams): URLSearchParams {
  const timed = new URLSearchParams(query);
  if (!["last", "from", "to"].some((name) => query.get(name))) timed.set("last", ALL);
  return timed;
}

/** A field that proposes what was seen so far; what is asked for stands in the address. */
function Filter({ name, title, value, seen }: { name: string; title: string; value: string | null; seen: Set<string> }) {
  return (
    <label>{title}<input key={value ?? ""} list={`seen-${name}`} placeholder="any" spellcheck={false} autocomplete="off" defaultValue={value ?? ""} onChange={(e) => change({ [name]: e.currentTarget.value.trim() || undefined })} />
      <datalist id={`seen-${name}`}>{[...seen].sort().map((v) => <option key={v} value={v} />)}</datalist>
    </label>
  );
}

function useSeen(records: DeadLetter[] | undefined): { reason: Set<string>; topic: Set<string> } {
  const seen = useRef({ reason: new Set<string>(), topic: new Set<string>() });
  for (const r of records ?? []) {
    if (r.reason) seen.current.reason.add(r.reason);
    if (r.topic) seen.current.topic.add(r.topic);
  }
  return seen.current;
}

export default function DeadLetters({ session }: PageProps) {
  const { query } = useStore(place);
  const [tenant, reason, topic] = ["tenant", "reason", "topic"].map((name) => query.get(name));
  const timed = allTime(query);
  const period = readPeriod(timed, Date.now(), true);
  const view = JSON.stringify([tenant, reason, topic, period.last ?? [period.from, period.to]]);
  const [cursors, setCursors] = useState<(string | null)[]>([null]);
  const cursor = cursors[cursors.length - 1] ?? null;
  const [revealed, setRevealed] = useState(false);
  const asked = useAsk(`${view} ${cursor} ${revealed}`, (signal) => deadLetters({ tenant, reason, topic, from: period.from, to: period.to, limit: 100, cursor, reveal: revealed || null }, signal));
  const [chosen, setChosen] = useState<Map<string, DeadLetter>>(new Map());
  const [hidden, setHidden] = useState(false);
  const [driving, setDriving] = useState(false);
  const seen = useSeen(asked.data?.records);
  // Another view's list begins at its top, with nothing chosen.
  useEffect(() => {
    setCursors([null]);
    setChosen(new Map());
  }, [view]);
  const choose = (letters: DeadLetter[], on: boolean) => {
    const next = new Map(chosen);
    for (const r of letters) {
      if (on) next.set(keyOf(r), r);
      else next.delete(keyOf(r));
    }
    setChosen(next);
  };
  const hide = (on: boolean) => {
    setHidden(on);
    if (on) setChosen(new Map([...chosen].filter(([, r]) => !isDelivered(r)))); // what one does not see, one does not drive
  };
  return (
    <div class="page">
      <div class="page-head">
        <h1>Dead letters</h1>
        <PeriodPicker query={timed} all />
        {asked.data && asked.data.total !== null && <span class="soft">{count(asked.data.total)} records in all</span>}
        <span class="spring" />
        <button type="button" class="primary" disabled={chosen.size === 0} onClick={() => setDriving(true)}><Icon name="replays" />Re-drive {chosen.size ? count(chosen.size) : ""}…</button>
        <button type="button" onClick={asked.reload}>Refresh</button>
      </div>
      <p class="soft lead">Messages that could not be worked on, as they were, with the reason, and what has become of their documents since. Re-driving hands them to the workers once more; the record stays here.</p>
      <div class="row-end letters-bar">
        <Filter name="reason" title="Reason" value={reason ?? null} seen={seen.reason} />
        <Filter name="topic" title="From topic" value={topic ?? null} seen={seen.topic} />
        <label class="check"><input type="checkbox" checked={hidden} onChange={(e) => hide(e.currentTarget.checked)} />Hide what was delivered since</label>
      </div>
      <Answer asked={asked}>
        {(data) => {
          const shown = data.records.filter((r) => !hidden || !isDelivered(r));
          return (
            <Panel title="Newest first" flush more={data.records.length > 0 && <RevealTexts small revealed={!data.masked} session={session} onReveal={() => setRevealed(true)} />}>
              {shown.length === 0 ? <div class="panel-body"><Empty>{data.records.length ? "All of this page were delivered since." : data.next ? "None in this stretch; there are older ones." : "None."}</Empty></div>
                : <LettersTable letters={shown} chosen={chosen} onChoose={choose} />}
              <div class="panel-body row">
                <button type="button" class="small" disabled={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>Newer</button>
                <button type="button" class="small" disabled={!data.next} onClick={() => setCursors([...cursors, data.next])}>Older</button>
                {chosen.size > 0 && <span class="soft">{count(chosen.size)} chosen, on all pages</span>}
              </div>
            </Panel>
          );
        }}
      </Answer>
      {driving && <ReplayDialog what={{ letters: [...chosen.values()] }} session={session} tenant={tenant ?? null} onClose={() => { setDriving(false); setChosen(new Map()); asked.reload(); }} />}
    </div>
  );
}
