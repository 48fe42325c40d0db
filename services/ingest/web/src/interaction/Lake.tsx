import type { Session } from "../api.ts";
import { type Attempt, type One, payload } from "../data.ts";
import { bytes, count, duration, time } from "../format.ts";
import { Diff } from "../json/Diff.tsx";
import { Badge } from "../parts/Badge.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Answer, Empty, Panel } from "../parts/Panel.tsx";
import { Text } from "../parts/Text.tsx";
import { useAsk } from "../useAsk.ts";
import type { Revealed } from "./PayloadView.tsx";

/** What a class of failures means; the others say it by their name. */
const FAILURES: Record<string, string> = { answer: "refused in the answer", "answer-too-large": "answer too large" };

/** Of one that failed an HTTP status below 300 is no good news: its answer says no. */
function statusTone(attempt: Attempt): "good" | "bad" | "mute" {
  if ((attempt.http_status ?? 0) >= 300) return "bad";
  return attempt.success ? "good" : "mute";
}

function OneAttempt({ attempt }: { attempt: Attempt }) {
  return (
    <li class="attempt">
      <div class="row">
        <Badge word={attempt.success ? "taken" : (FAILURES[attempt.error_class ?? ""] ?? attempt.error_class ?? "not taken")} tone={attempt.success ? "good" : "bad"} />
        <strong>Attempt {count(attempt.attempt)}</strong><span>to <Text value={attempt.destination} max={60} brief /></span>
        <span class="soft">{time(attempt.started_at)} · {duration(attempt.took_ms)}</span>
        {attempt.http_status !== null && <Badge word={`HTTP ${attempt.http_status}`} tone={statusTone(attempt)} />}
        {attempt.final && <span class="soft">the last one</span>}
        {attempt.replay_id && <span class="soft">of replay <span class="id">{attempt.replay_id}</span></span>}
      </div>
      <div class="soft"><Text value={attempt.url} mono max={200} /> · {bytes(attempt.request_bytes)} · SHA-256 <Text value={attempt.request_sha256?.slice(0, 16)} mono brief /></div>
      {attempt.error_text && <p class="bad-text"><Text value={attempt.error_text} max={400} /></p>}
      {attempt.response && <div class="reply" tabIndex={0} role="region" aria-label={`Answer to attempt ${attempt.attempt}`}><Text value={attempt.response} mono lines max={1000} />{attempt.response_truncated && <div class="soft">cut; {bytes(attempt.response_bytes)} in all</div>}</div>}
      {Array.isArray(attempt.transforms) && attempt.transforms.length > 0 && <details><summary>{count(attempt.transforms.length)} {attempt.transforms.length === 1 ? "transform" : "transforms"}</summary><div class="reply"><Text value={JSON.stringify(attempt.transforms, null, 2)} mono lines max={4000} /></div></details>}
    </li>
  );
}

interface Props {
  one: One;
  tenant: string | null;
  session: Session;
  revealed: Revealed;
}

export function Lake({ one, tenant, session, revealed }: Props) {
  const id = one.interaction.interaction_id;
  const fhir = !one.interaction.bundle_available;
  const asked = useAsk(one.attempts.length ? `${id} ${tenant} ${revealed.on}` : null, async (signal) => {
    const [before, after] = await Promise.all([payload(id, tenant, fhir ? "original" : "bundle", revealed.on, signal), payload(id, tenant, "lake", revealed.on, signal)]);
    return { before, after };
  });
  return (
    <div class="stack-l">
      <Panel title="Attempts">
        {one.attempts.length === 0 ? <Empty>It was not handed on.</Empty> : <ul class="stack">{one.attempts.map((a, i) => <OneAttempt key={i} attempt={a} />)}</ul>}
      </Panel>
      {one.attempts.length > 0 && (
        <Panel title="What was changed on the way" more={asked.data && <>
          {asked.data.after.verified ? <span class="badge good" title="What is shown as gone to the lake is what went there, byte for byte: its SHA-256 is the recorded one. It is no word about what the sender sent">lake bytes verified</span> : <span class="badge warn" title="Made again from payload, verdict and transforms; its hash is not the recorded one">lake bytes made again</span>}
          {asked.data.after.masked ? <span class="badge mute">masked</span> : <span class="badge warn">revealed</span>}
          {asked.data.after.masked && session.rights.reveal && <button type="button" class="small" onClick={revealed.ask}><Icon name="eye" />Reveal…</button>}
        </>}>
          <Answer asked={asked}>{({ before, after }) => <div class="diff-box"><Diff before={before.text} after={after.text} labels={[fhir ? "What the sender sent" : "The bundle it became", "What went to the lake"]} /></div>}</Answer>
        </Panel>
      )}
    </div>
  );
}
