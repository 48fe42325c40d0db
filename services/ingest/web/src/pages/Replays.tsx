import { useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import type { Session } from "../api.ts";
import { type ListedReplay, type Replay, replayStatus, replays } from "../data.ts";
import { count, percent, second } from "../format.ts";
import { interactionAddress } from "../grid/columns.tsx";
import { Badge } from "../parts/Badge.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Link } from "../parts/Link.tsx";
import { Answer, Empty, Panel } from "../parts/Panel.tsx";
import { RevealTexts } from "../parts/Reveal.tsx";
import { Text } from "../parts/Text.tsx";
import { readPeriod } from "../period.ts";
import { address, place } from "../place.ts";
import { ReplayDialog, Running, isOver } from "../replay/ReplayDialog.tsx";
import { useStore } from "../store.ts";
import { useAsk, useEvery } from "../useAsk.ts";

function subject(r: ListedReplay): string {
  if (r.ids) return r.ids === 1 ? "one interaction" : `${count(r.ids)} interactions`;
  if (r.source !== "store") return `records of ${r.source === "dlq" ? "the dead-letter topic" : "the topic"}`;
  return `${r.of_state === "FAIL" ? "failed" : (r.of_state ?? "all")} of ${second(r.from_at).slice(0, 16)} – ${r.to_at ? second(r.to_at).slice(0, 16) : "now"}`;
}

function List({ list }: { list: ListedReplay[] }) {
  const { query } = useStore(place);
  if (!list.length) return <Empty>None yet.</Empty>;
  return (
    <div class="scroll tall" tabIndex={0} role="region" aria-label="List of replays">
      <table>
        <thead><tr><th scope="col">Asked for</th><th scope="col">State</th><th scope="col">What</th><th scope="col">To</th><th scope="col">Tenant</th><th scope="col">By</th><th scope="col" class="numeric">Found</th><th scope="col" class="numeric">Replayed</th><th scope="col">Replay</th></tr></thead>
        <tbody>
          {list.map((r) => (
            <tr key={r.replay_id}>
              <td>{second(r.asked_at)}</td>
              <td><Badge word={r.state} /></td>
              <td><Text value={subject(r)} brief /></td>
              <td>{r.to}</td>
              <td><Text value={r.tenant} max={60} brief /></td>
              <td><Text value={r.asked_by} max={60} brief /></td>
              <td class="numeric">{count(r.total)}</td>
              <td class="numeric">{count(r.published)} <span class="soft">{percent(r.published, r.total)}</span></td>
              <td><Link class="id" to={address("/replays", { id: r.replay_id, of: r.tenant ?? undefined, tenant: query.get("tenant") ?? undefined })}>{r.replay_id}</Link></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The report's own lines: "ID TENANT: what differs", and an issue a line below. */
function asRecord(difference: string | Record<string, unknown>): Record<string, unknown> {
  if (typeof difference !== "string") return difference;
  const found = /^([0-9a-f-]{36}) (\S+): ([^]*)$/.exec(difference);
  return found ? { id: found[1], tenant: found[2], text: found[3] } : { text: difference };
}

/** A member of the report, whichever way it is named. */
function field(difference: Record<string, unknown>, name: string): string | null {
  const value = difference[name];
  return value === undefined || value === null ? null : typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Whose it is stands in the address; who came without it and has several tenants finds it in the list. */
async function find(id: string, of: string | null, session: Session, reveal: boolean, signal: AbortSignal): Promise<{ replay: Replay; tenant: string | null; revealed: boolean }> {
  const several = session.tenants !== "*" && session.tenants.length > 1;
  const tenant = of ?? (several ? ((await replays(signal)).find((r) => r.replay_id === id)?.tenant ?? session.tenants[0]!) : null);
  return { replay: await replayStatus(id, tenant, reveal, signal), tenant, revealed: reveal };
}

function One({ id, session }: { id: string; session: Session }) {
  const { query } = useStore(place);
  const of = query.get("of");
  const [reveal, setReveal] = useState(false);
  const asked = useAsk(`${id} ${of} ${reveal}`, (signal) => find(id, of, session, reveal, signal));
  const differences = asked.data?.replay.report?.differences ?? [];
  return (
    <>
      <p><Link to={address("/replays", { tenant: query.get("tenant") ?? undefined })}>← all replays</Link></p>
      <Answer asked={asked}>
        {({ replay, tenant, revealed }) => (
          <div class="stack-l">
            <Panel title="Replay"><Running key={replay.replay_id} first={replay} tenant={tenant} /></Panel>
            {(replay.to === "validate" || differences.length > 0) && <Panel title="Documents that differ" more={differences.length > 0 && <RevealTexts small revealed={revealed} session={session} onReveal={() => setReveal(true)} />}>
              {differences.length === 0 ? <Empty>{isOver(replay.state) ? "None is known of." : "None so far."}</Empty> : (
                <div class="scroll tall" tabIndex={0} role="region" aria-label="Documents that differ, a table">
                  <table>
                    <thead><tr><th scope="col">Interaction</th><th scope="col">What differs</th></tr></thead>
                    <tbody>{differences.map(asRecord).map((d, i) => {
                      const interaction = field(d, "interaction_id") ?? field(d, "id");
                      const rest = Object.keys(d).filter((k) => !["interaction_id", "id", "tenant", "tenant_id"].includes(k));
                      return (
                        <tr key={i}>
                          <td>{interaction ? <Link class="id" to={interactionAddress(interaction, field(d, "tenant") ?? field(d, "tenant_id"), "replays")}>{interaction}</Link> : "–"}</td>
                          <td class="break">{rest.map((k) => <span class="pair" key={k}>{k !== "text" && <span class="soft">{k.replaceAll("_", " ")}</span>} <Text value={field(d, k)} max={1000} lines /></span>)}</td>
                        </tr>
                      );
                    })}</tbody>
                  </table>
                </div>
              )}
            </Panel>}
          </div>
        )}
      </Answer>
    </>
  );
}

export default function Replays({ session }: PageProps) {
  const { query } = useStore(place);
  const id = query.get("id");
  const [starting, setStarting] = useState(false);
  const asked = useAsk(id ? null : "list", replays);
  useEvery(3000, !id && (asked.data?.some((r) => !isOver(r.state)) ?? false), asked.reload);
  const period = readPeriod(query);
  return (
    <div class="page">
      <div class="page-head">
        <h1>Replays</h1>
        <span class="spring" />
        {!id && <button type="button" class="primary" onClick={() => setStarting(true)}><Icon name="replays" />Replay what failed…</button>}
      </div>
      {id ? <One key={id} id={id} session={session} /> : <Answer asked={asked}>{(list) => <Panel title="Lately" flush><List list={list} /></Panel>}</Answer>}
      {starting && <ReplayDialog what={{ state: "FAIL", since: period.from, until: period.to }} session={session} tenant={query.get("tenant")} onClose={() => { setStarting(false); asked.reload(); }} />}
    </div>
  );
}
