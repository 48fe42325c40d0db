import { useState } from "preact/hooks";
import type { Issue, One, RuleChange } from "../data.ts";
import { bytes, count, time } from "../format.ts";
import { Badge, Valid } from "../parts/Badge.tsx";
import { Empty, Panel } from "../parts/Panel.tsx";
import { Text } from "../parts/Text.tsx";

const VERBS: Record<string, string> = {
  severity: "changed the severity", suppress: "took it out", add: "added an issue", text: "changed the text", accept: "decided to accept", reject: "decided to reject", discard: "decided to discard",
};

function Change({ change }: { change: RuleChange }) {
  return (
    <span>
      rule <Text value={change.rule} mono max={100} brief /> {VERBS[change.what] ?? change.what}
      {change.before !== null && <> · <span class="changed-from"><Text value={change.before} max={200} brief /></span></>}
      {change.after !== null && <> → <strong><Text value={change.after} max={200} brief /></strong></>}
    </span>
  );
}

function Line({ issue, changes }: { issue: Issue; changes: RuleChange[] }) {
  const gone = changes.some((c) => c.what === "suppress");
  return (
    <li>
      <div class="row"><Badge word={issue.severity} /><span class={gone ? "strike" : undefined}><Text value={issue.diagnostics} max={300} /></span></div>
      {(issue.location ?? issue.expression) && <div class="soft"><Text value={issue.location ?? issue.expression} mono max={200} brief /></div>}
      {changes.map((c) => <div class="notice info" key={c.ordinal}><div><Change change={c} /></div></div>)}
    </li>
  );
}

/** So many at a time: a document may have thousands. */
const PART = 200;

/** `changes`: of one issue. What rules changed is found without going through all that they left alone. */
function Lines({ issues, changes }: { issues: Issue[]; changes: Map<number, RuleChange[]> }) {
  const [most, setMost] = useState(PART);
  const [only, setOnly] = useState(false);
  const list = only ? issues.filter((issue) => changes.has(issue.ordinal)) : issues;
  if (issues.length === 0) return <Empty>No issue.</Empty>;
  return (
    <>
      {changes.size > 0 && issues.length > PART && <label class="check"><input type="checkbox" checked={only} onChange={(e) => { setOnly(e.currentTarget.checked); setMost(PART); }} />Only what rules changed ({count(changes.size)})</label>}
      <ul class="told">{list.slice(0, most).map((issue) => <Line key={issue.ordinal} issue={issue} changes={changes.get(issue.ordinal) ?? []} />)}</ul>
      {list.length > most && <p class="soft">{count(most)} of {count(list.length)}. <button type="button" class="link" onClick={() => setMost(most + PART)}>Show {count(Math.min(PART, list.length - most))} more</button></p>}
    </>
  );
}

function byIssue(changes: RuleChange[]): Map<number, RuleChange[]> {
  const found = new Map<number, RuleChange[]>();
  for (const change of changes) if (change.issue !== null) found.set(change.issue, [...(found.get(change.issue) ?? []), change]);
  return found;
}

function Answered({ told }: { told: One["told"][number] }) {
  const size = Number(told.details?.bytes);
  return (
    <li>
      <div class="row"><Badge word={told.status === null ? "?" : String(told.status)} tone={told.status !== null && told.status < 400 ? "good" : "bad"} /><span>{time(told.at)}</span><span class="soft"><Text value={told.content_type} max={80} brief />{size > 0 && <> · {bytes(size)}</>}</span></div>
      {told.body_is === "verdict" && <p class="soft">The OperationOutcome that it held, as it is on record:</p>}
      {told.body ? <div class="reply" tabIndex={0} role="region" aria-label={`Answer of ${time(told.at)}`}><Text value={told.body} mono lines max={2000} /></div>
        : <p class="soft">Its text is not kept.</p>}
    </li>
  );
}

export function Told({ one }: { one: One }) {
  const verdict = one.verdicts.find((v) => v.shown) ?? one.verdicts[0];
  const engine = one.engine_issues ?? one.issues;
  const free = one.rule_changes.filter((c) => c.issue === null);
  if (!verdict) return <Empty>There is no verdict yet.</Empty>;
  const decided = Array.isArray(verdict.disposition) ? (verdict.disposition as { action?: string; actionPayload?: { message?: string; description?: string; rule?: string } }[]) : [];
  return (
    <div class="stack-l">
      <div class="versus">
        <Panel title="What the engine said" more={<span class="soft">{count(verdict.engine_errors ?? verdict.errors)} errors, {count(verdict.engine_warnings ?? verdict.warnings)} warnings</span>}>
          <Lines issues={engine} changes={byIssue(one.engine_issues ? one.rule_changes : [])} />
        </Panel>
        <Panel title="What the sender was told" more={<><Valid valid={verdict.valid} /><Badge word={verdict.action} /></>}>
          {decided.map((d, i) => (
            <div class="decided" key={i}><Badge word={d.action} /> {d.actionPayload && <><Text value={d.actionPayload.message ?? d.actionPayload.description} max={400} /> {d.actionPayload.rule && <span class="soft">by <Text value={d.actionPayload.rule} mono max={100} brief /></span>}</>}</div>
          ))}
          {verdict.precheck_code && <p class="notice bad"><span><Text value={verdict.precheck_code} mono brief />: <Text value={verdict.precheck_message} /></span></p>}
          {free.map((c) => <div class="notice info" key={c.ordinal}><div><Change change={c} /></div></div>)}
          <Lines issues={one.issues} changes={byIssue([])} />
          <p class="soft foot">{verdict.rules_version ? <>By rules <Text value={verdict.rules_version} mono max={200} brief /></> : "No rule was in force."}{one.rule_changes.length === 0 && " No rule changed anything."}</p>
        </Panel>
      </div>
      <Panel title="The answers on the wire">
        {one.told.length === 0 ? <Empty>None is on record: it is written some moments after it was given.</Empty> : (
          <ul class="stack">
            {one.told.map((t, i) => <Answered key={i} told={t} />)}
          </ul>
        )}
      </Panel>
    </div>
  );
}
