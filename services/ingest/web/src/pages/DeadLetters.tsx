import { useEffect, useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import { type DeadLetter, deadLetters } from "../data.ts";
import { bytes, count, second } from "../format.ts";
import { interactionAddress } from "../grid/columns.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Link } from "../parts/Link.tsx";
import { Answer, Empty, Panel } from "../parts/Panel.tsx";
import { RevealTexts } from "../parts/Reveal.tsx";
import { Text } from "../parts/Text.tsx";
import { place } from "../place.ts";
import { ReplayDialog } from "../replay/ReplayDialog.tsx";
import { useStore } from "../store.ts";
import { useAsk } from "../useAsk.ts";

/** What was tried before it was given up; nothing to say of what an earlier version wrote, or of none. */
function tried(r: DeadLetter): string {
  const parts: string[] = [];
  if (r.deaths) parts.push(`its worker died or hung ${r.deaths === 1 ? "once" : `${count(r.deaths)} times`}`);
  if (r.attempts) parts.push(r.attempts === 1 ? "one attempt to deliver it" : `${count(r.attempts)} attempts to deliver it`);
  return parts.join(", ");
}

const keyOf = (r: DeadLetter) => `${r.partition}:${r.offset}`;

export default function DeadLetters({ session }: PageProps) {
  const { query } = useStore(place);
  const tenant = query.get("tenant");
  const [cursors, setCursors] = useState<(string | null)[]>([null]);
  const cursor = cursors[cursors.length - 1] ?? null;
  const [revealed, setRevealed] = useState(false);
  const asked = useAsk(`${tenant} ${cursor} ${revealed}`, (signal) => deadLetters({ tenant, limit: 50, cursor, reveal: revealed || null }, signal));
  const [chosen, setChosen] = useState<Map<string, DeadLetter>>(new Map());
  const [driving, setDriving] = useState(false);
  // Another tenant's list begins at its top, with nothing chosen.
  useEffect(() => {
    setCursors([null]);
    setChosen(new Map());
  }, [tenant]);
  const set = (r: DeadLetter, on: boolean) => {
    const next = new Map(chosen);
    if (on) next.set(keyOf(r), r);
    else next.delete(keyOf(r));
    setChosen(next);
  };
  return (
    <div class="page">
      <div class="page-head">
        <h1>Dead letters</h1>
        {asked.data && asked.data.total !== null && <span class="soft">{count(asked.data.total)} records</span>}
        <span class="spring" />
        <button type="button" class="primary" disabled={chosen.size === 0} onClick={() => setDriving(true)}><Icon name="replays" />Re-drive {chosen.size ? count(chosen.size) : ""}…</button>
        <button type="button" onClick={asked.reload}>Refresh</button>
      </div>
      <p class="soft lead">Messages that could not be worked on, as they were, with the reason. Re-driving hands them to the workers once more; the record stays here.</p>
      <Answer asked={asked}>
        {(data) => (
          <Panel title="Newest first" flush more={data.records.length > 0 && <RevealTexts small revealed={!data.masked} session={session} onReveal={() => setRevealed(true)} />}>
            {data.records.length === 0 ? <div class="panel-body"><Empty>{data.next ? "None in this stretch; there are older ones." : "None."}</Empty></div> : (
              <div class="scroll tall" tabIndex={0} role="region" aria-label="Dead letters, a table">
                <table>
                  <thead><tr><th scope="col"><span class="hidden-label">Choose</span></th><th scope="col">When</th><th scope="col">Reason</th><th scope="col">From, by</th><th scope="col">Tenant</th><th scope="col">Interaction</th><th scope="col" class="numeric">Size</th><th scope="col">Place</th></tr></thead>
                  <tbody>
                    {data.records.map((r) => (
                      <tr key={keyOf(r)}>
                        <td><input type="checkbox" aria-label={`Choose record ${keyOf(r)}`} checked={chosen.has(keyOf(r))} onChange={(e) => set(r, e.currentTarget.checked)} /></td>
                        <td>{second(r.at)}</td>
                        <td class="break"><strong><Text value={r.reason} max={80} brief /></strong><div class="soft"><Text value={r.detail} max={200} /></div>{tried(r) && <div class="soft small">{tried(r)}</div>}</td>
                        <td><Text value={r.topic} mono max={60} brief /> <span class="soft" title="partition and offset">{r.topic_partition}:{r.topic_offset}</span><div class="soft"><Text value={r.service} max={40} brief /></div></td>
                        <td><Text value={r.tenant} max={60} brief /></td>
                        <td>{r.interaction_id ? <Link class="id" to={interactionAddress(r.interaction_id, r.tenant)}>{r.interaction_id}</Link> : "–"}</td>
                        <td class="numeric">{bytes(r.bytes)}</td>
                        <td class="id">{keyOf(r)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            <div class="panel-body row">
              <button type="button" class="small" disabled={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>Newer</button>
              <button type="button" class="small" disabled={!data.next} onClick={() => setCursors([...cursors, data.next])}>Older</button>
            </div>
          </Panel>
        )}
      </Answer>
      {driving && <ReplayDialog what={{ letters: [...chosen.values()] }} session={session} tenant={tenant} onClose={() => { setDriving(false); setChosen(new Map()); asked.reload(); }} />}
    </div>
  );
}
