import { useEffect, useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import type { Session } from "../api.ts";
import { type Issue, type One, one, payloadEarly } from "../data.ts";
import { bytes, count, duration, time } from "../format.ts";
import { interactionAddress } from "../grid/columns.tsx";
import { Issues } from "../interaction/Issues.tsx";
import { curls } from "../interaction/curl.ts";
import { Lake } from "../interaction/Lake.tsx";
import { PayloadView, type Revealed, useReveal } from "../interaction/PayloadView.tsx";
import { Replayed } from "../interaction/Replayed.tsx";
import { Timeline } from "../interaction/Timeline.tsx";
import { Told } from "../interaction/Told.tsx";
import { Badge, StateBadge, Valid } from "../parts/Badge.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Link } from "../parts/Link.tsx";
import { Menu } from "../parts/Menu.tsx";
import { Answer, Panel } from "../parts/Panel.tsx";
import { Tabs } from "../parts/Tabs.tsx";
import { Text } from "../parts/Text.tsx";
import { ReplayDialog } from "../replay/ReplayDialog.tsx";
import { address, cameHere, change, place } from "../place.ts";
import { useStore } from "../store.ts";
import { useAsk } from "../useAsk.ts";

function CurlMenu({ data }: { data: One }) {
  const [done, setDone] = useState("");
  const copy = async (title: string, text: string, close: () => void) => {
    await navigator.clipboard.writeText(text);
    setDone(`Copied: ${title}`);
    close();
  };
  return (
    <>
      <Menu name="Copy as curl" align="right" label={<><Icon name="copy" />Copy as curl</>}>
        {(close) => (
          <div class="menu-list">
            {curls(data, location.origin).map(([title, text]) => <button type="button" key={title} onClick={() => void copy(title, text, close)}>{title}</button>)}
            <p class="soft small-note">Set AUTH before: <code>AUTH='Authorization: Bearer TOKEN'</code> or <code>AUTH='X-API-Key: KEY'</code>, of a caller; and CA to the file of the hub's CA, where curl does not know it. What is sent again is fetched first, as it was sent; that goes on record.</p>
          </div>
        )}
      </Menu>
      <span class="hidden-label" role="status">{done}</span>
    </>
  );
}

function Facts({ data }: { data: One }) {
  const i = data.interaction;
  const facts: [string, preact.ComponentChildren][] = [
    ["Tenant", <Text value={i.tenant_id} max={80} brief />],
    ["Received", time(i.received_at)],
    ["State since", time(i.state_at)],
    ["Verdict after", duration(i.verdict_ms)],
    ["Complete after", duration(i.complete_ms)],
    ["Sender", <Text value={i.sender ?? i.caller ?? i.organization_name} max={120} brief />],
    ["Organisation", <><Text value={i.organization_name} max={120} brief /> <span class="soft"><Text value={i.organization_id} mono max={60} brief /></span></>],
    ["Bundle", <Text value={i.bundle_id} mono max={120} />],
    ["Patient", <><Text value={i.patient_id} mono max={60} brief /> <span class="soft">MRN</span> <Text value={i.patient_mrn} mono max={60} brief /></>],
    ["Profile", <Text value={i.profile_url} max={200} />],
    ["Guide", <Text value={i.ig_version} max={40} brief />],
    ["Size", <>{bytes(i.payload_bytes)} <span class="soft"><Text value={i.content_type} max={60} brief /></span></>],
    ["SHA-256", <Text value={i.payload_sha256} mono max={80} />],
    ["Route", <><Text value={i.route ?? i.uri} mono max={80} brief /> <span class="soft"><Text value={i.lane} max={20} brief /></span></>],
    ["Address", <Text value={i.client_ip_address} mono max={60} brief />],
    ["User agent", <Text value={i.user_agent} max={160} />],
    ["Correlation id", <Text value={i.correlation_id} mono max={80} brief />],
  ];
  if (i.parent_interaction_id) facts.push(["Part of", <Link to={interactionAddress(i.parent_interaction_id, i.tenant_id)}><Text value={i.parent_interaction_id} mono max={80} brief /></Link>]);
  if (i.group_interaction_id) facts.push(["Group", <Text value={i.group_interaction_id} mono max={80} brief />]);
  return <dl class="facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

interface BodyProps {
  data: One;
  session: Session;
  tenant: string | null;
  revealed: Revealed;
  onShow: (replay: string | null) => void;
}

function Body({ data, session, tenant, revealed, onShow }: BodyProps) {
  const { query } = useStore(place);
  const tab = query.get("tab") ?? "issues";
  const [target, setTarget] = useState<Issue | null>(null);
  const verdict = data.verdicts.find((v) => v.shown);
  // Another verdict's issues are others; the same ones, revealed or asked for anew, are still the same.
  useEffect(() => setTarget(null), [verdict?.replay_id, data.interaction.interaction_id]);
  const leftOut = verdict?.issues_left_out ?? 0;
  const tabs = [
    { name: "issues", label: <>Issues <span class="count">{count(data.issues.length)}{leftOut > 0 && ` of ${count(data.issues.length + leftOut)}`}</span></> },
    { name: "timeline", label: "Timeline" },
    { name: "told", label: <>Told and judged {data.rule_changes.length > 0 && <span class="count">{count(data.rule_changes.length)}</span>}</> },
    { name: "lake", label: <>Lake <span class="count">{count(data.attempts.length)}</span></> },
    { name: "replays", label: <>Replays <span class="count">{count(data.replays.length)}</span></> },
    { name: "facts", label: "Facts" },
  ];
  return (
    <>
      {verdict?.replay_id && <p class="notice info"><span>Issues of the verdict of replay <span class="id">{verdict.replay_id}</span>. <button type="button" class="link" onClick={() => onShow(null)}>Back to the first verdict</button></span></p>}
      <Tabs label="Parts of the interaction" tabs={tabs} chosen={tab} onChoose={(name) => change({ tab: name === "issues" ? undefined : name })}>
        {tab === "issues" && (
          <div class="work">
            <Issues issues={data.issues} current={target} onGo={(issue) => setTarget({ ...issue })} leftOut={leftOut} />
            {data.interaction.payload_available === false ? <p class="notice warn">The payload is no longer kept.</p>
              : <PayloadView one={data} session={session} tenant={tenant} issues={data.issues} target={target} revealed={revealed} />}
          </div>
        )}
        {tab === "timeline" && <Panel title="What became of it"><Timeline events={data.events} /></Panel>}
        {tab === "told" && <Told one={data} />}
        {tab === "lake" && <Lake one={data} tenant={tenant} session={session} revealed={revealed} />}
        {tab === "replays" && <Replayed one={data} onShow={onShow} />}
        {tab === "facts" && <Panel title="Facts" more={session.rights.reveal && !revealed.on && <button type="button" class="small" onClick={revealed.ask}><Icon name="eye" />Reveal…</button>}><Facts data={data} /></Panel>}
      </Tabs>
    </>
  );
}

export default function Interaction({ session, rest }: PageProps) {
  const { query } = useStore(place);
  const tenant = query.get("of");
  const [replay, setReplay] = useState<string | null>(null);
  const [replaying, setReplaying] = useState(false);
  const revealed = useReveal();
  const asked = useAsk(`${rest} ${tenant} ${replay} ${revealed.on}`, (signal) => one(rest, tenant, replay, revealed.on, signal));
  const i = asked.data?.interaction;
  useEffect(() => (tenant && (query.get("tab") ?? "issues") === "issues" ? payloadEarly(rest, tenant) : undefined), [rest, tenant]);
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Back">{cameHere() ? <button type="button" class="link" onClick={() => history.back()}>← back</button> : <Link to={address("/interactions", { tenant: query.get("tenant") ?? undefined })}>← interactions</Link>}</nav>
      {revealed.dialog}
      <div class="page-head">
        <h1 class="one-title"><Text value={rest} mono max={80} brief /></h1>
        {i && <><StateBadge state={i.state} /><Valid valid={i.is_bundle_valid} /><Badge word={i.disposition} /><span class="soft"><Text value={i.tenant_id} max={60} brief /> · {time(i.received_at)} UTC · {bytes(i.payload_bytes)}</span></>}
        <span class="spring" />
        {asked.data && <CurlMenu data={asked.data} />}
        {i && session.rights.replay && <button type="button" onClick={() => setReplaying(true)}><Icon name="replays" />Replay…</button>}
        <button type="button" onClick={asked.reload}>Refresh</button>
      </div>
      <Answer asked={asked}>{(data) => <Body data={data} session={session} tenant={tenant ?? data.interaction.tenant_id} revealed={revealed} onShow={setReplay} />}</Answer>
      {replaying && i && <ReplayDialog what={{ some: [{ id: i.interaction_id, tenant: i.tenant_id }] }} session={session} tenant={i.tenant_id} onClose={() => { setReplaying(false); asked.reload(); }} />}
    </div>
  );
}
