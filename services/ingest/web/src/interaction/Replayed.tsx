import type { One, ShortIssue } from "../data.ts";
import { count, duration, second } from "../format.ts";
import { Badge, Valid } from "../parts/Badge.tsx";
import { Link } from "../parts/Link.tsx";
import { Empty, Panel } from "../parts/Panel.tsx";
import { Text } from "../parts/Text.tsx";
import { address } from "../place.ts";

function List({ title, issues, tone }: { title: string; issues: ShortIssue[]; tone: string }) {
  if (!issues.length) return null;
  return (
    <div>
      <h3 class={tone}>{count(issues.length)} {title}</h3>
      <ul class="told">
        {issues.slice(0, 100).map((i, n) => (
          <li key={n}><div class="row"><Badge word={i.severity} /><Text value={i.diagnostics ?? i.message_id} max={300} /></div>{i.location && <div class="soft"><Text value={i.location} mono max={200} brief /></div>}</li>
        ))}
      </ul>
    </div>
  );
}

export function Replayed({ one, onShow }: { one: One; onShow: (replay: string | null) => void }) {
  return (
    <div class="stack-l">
      <Panel title="Verdicts">
        {one.verdicts.length === 0 ? <Empty>There is none yet.</Empty> : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Verdicts, a table">
            <table>
              <thead><tr><th scope="col">When</th><th scope="col">Verdict</th><th scope="col">Disposition</th><th scope="col" class="numeric">Errors</th><th scope="col" class="numeric">Warnings</th><th scope="col">Guide</th><th scope="col">Engine, rules</th><th scope="col" class="numeric">Took</th><th scope="col">Issues</th></tr></thead>
              <tbody>{one.verdicts.map((v, i) => (
                <tr key={i}>
                  <td>{second(v.finished_at)}{v.replay_id && <div class="soft">replay <span class="id">{v.replay_id}</span></div>}</td>
                  <td><Valid valid={v.valid} /></td><td><Badge word={v.action} /></td><td class="numeric">{count(v.errors)}</td><td class="numeric">{count(v.warnings)}</td>
                  <td><Text value={v.ig_name} max={60} brief /> <Text value={v.ig_version} max={30} brief /></td>
                  <td><Text value={v.engine} max={60} brief /><div class="soft"><Text value={v.rules_version} mono max={120} brief /></div></td>
                  <td class="numeric">{duration(v.took_ms)}</td>
                  <td>{v.shown ? <span class="soft">shown</span> : <button type="button" class="link" onClick={() => onShow(v.replay_id)}>show</button>}</td>
                </tr>
              ))}</tbody>
            </table>
          </div>
        )}
      </Panel>
      {one.replays.map((r) => (
        <Panel key={r.replay_id} title={`Replay of ${second(r.asked_at)}`} more={<Link to={address("/replays", { id: r.replay_id })}>the whole replay</Link>}>
          <div class="row">
            <span>To <Badge word={r.to} /></span>{r.asked_by && <span class="soft">by <Text value={r.asked_by} max={60} brief /></span>}
            <span><Valid valid={r.valid_before} /> → <Valid valid={r.valid_after} /></span>
            <span><Badge word={r.action_before} /> → <Badge word={r.action_after} /></span>
          </div>
          {r.failure && <p class="bad-text"><Text value={r.failure} /></p>}
          {r.issues_added.length + r.issues_gone.length === 0 && !r.failure && <Empty>The same issues as before.</Empty>}
          <div class="versus"><List title="new" issues={r.issues_added} tone="bad-text" /><List title="gone" issues={r.issues_gone} tone="good-text" /></div>
        </Panel>
      ))}
      {one.replays.length === 0 && <Empty>It was never replayed.</Empty>}
    </div>
  );
}
