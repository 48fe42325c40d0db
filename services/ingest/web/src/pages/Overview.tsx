import { useMemo } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import { type Overview as Figures, overview } from "../data.ts";
import { ago, count, duration, percent, second, short, shortNames } from "../format.ts";
import { Badge } from "../parts/Badge.tsx";
import { Chart, type Line } from "../parts/Chart.tsx";
import { Link } from "../parts/Link.tsx";
import { Answer, Empty, Panel } from "../parts/Panel.tsx";
import { PeriodPicker } from "../parts/PeriodPicker.tsx";
import { Text } from "../parts/Text.tsx";
import { plain } from "../parts/visible.ts";
import { readPeriod } from "../period.ts";
import { address, place } from "../place.ts";
import { useStore } from "../store.ts";
import { useAsk, useEvery } from "../useAsk.ts";

const STEPS: [keyof Figures["funnel"], string][] = [
  ["received", "Received"], ["judged", "Judged"], ["valid", "Valid"], ["accepted", "Accepted"], ["sent", "Sent to the lake"], ["complete", "Complete"],
];
const LEAKS: Record<string, string> = {
  "not-judged": "not judged yet", reject: "rejected", discard: "discarded", "not-sent": "not sent yet", "under-way": "on its way", failed: "failed at the lake",
};

interface Beside {
  count: number;
  sign: "–" | "+" | "";
  text: string;
  filter: string;
}

/** What is said below a step: what leaks behind it, so that it adds up to the next one. Rules decide about what is
 *  judged, valid or not: how many are valid is no step on the way, and what they decide leaks from all that was judged. */
function besides(data: Figures, step: keyof Figures["funnel"]): Beside[] {
  const list: Beside[] = data.leaks.filter((l) => l.after === step).map((l) => ({ count: l.count, sign: "–", text: LEAKS[l.why] ?? l.why, filter: l.filter }));
  if (step === "valid") list.push({ count: data.funnel.judged - data.funnel.valid, sign: "", text: "invalid", filter: "valid=false" });
  if (step === "accepted") list.unshift({ count: data.beside.accepted_invalid, sign: "", text: "of them invalid: rules let them pass", filter: "disposition=accept&valid=false" });
  if (step === "sent") list.unshift({ count: data.beside.sent_otherwise, sign: "+", text: "handed on though not accepted", filter: "disposition=reject,discard&state=FORWARD,FAIL,COMPLETE" });
  return list.filter((l) => l.count > 0);
}

/** A filter of the overview, as the address of the grid that shows what it counts. `within`: what is counted by whole
 *  hours or days is shown of just these. */
function gridAddress(filter: string, query: URLSearchParams, within?: { from: string; to: string }): string {
  const search = new URLSearchParams(filter);
  if (within) {
    search.set("from", within.from);
    if (Date.parse(within.to) < Date.now()) search.set("to", within.to);
    if (query.get("tenant") && !search.has("tenant")) search.set("tenant", query.get("tenant")!);
    return address("/interactions", search);
  }
  for (const name of ["tenant", "last", "from", "to"]) {
    const value = query.get(name);
    if (value && !search.has(name)) search.set(name, value);
  }
  return address("/interactions", search);
}

function Funnel({ data, query }: { data: Figures; query: URLSearchParams }) {
  const top = Math.max(1, data.funnel.received);
  return (
    <ol class="funnel">
      {STEPS.map(([name, title]) => {
        const n = data.funnel[name];
        return (
          <li key={name}>
            <div class="funnel-head"><span class="funnel-title">{title}</span><span class="funnel-share">{name === "received" ? "" : percent(n, data.funnel.received)}</span></div>
            <div class="funnel-figure" title={count(n)}>{short(n)}</div>
            <div class="bar" aria-hidden="true"><div class={`bar-fill step-${name}`} style={{ width: `${Math.min(100, (100 * n) / top)}%` }} /></div>
            <ul class="leaks">
              {besides(data, name).map((b) => (
                <li key={b.text}>{b.sign && <span class={b.sign === "–" ? "leak" : "gain"}>{b.sign} </span>}<Link to={gridAddress(b.filter, query)}>{short(b.count)} {b.text}</Link></li>
              ))}
            </ul>
          </li>
        );
      })}
    </ol>
  );
}

function Attention({ data, query }: { data: Figures; query: URLSearchParams }) {
  if (!data.attention.length) return <Empty>Nothing needs you now.</Empty>;
  return (
    <ul class="attention">
      {data.attention.map((a, i) => (
        <li key={i}>
          <Badge word={a.severity} />
          <div class="attention-text">
            {a.kind === "dlq" ? <Link to={address("/dead-letters")}><Text value={a.text} brief /></Link>
              : a.filter ? <Link to={gridAddress(a.filter, query)}><Text value={a.text} brief /></Link> : <Text value={a.text} brief />}
            <div class="soft">{a.tenant && <><Text value={a.tenant} max={60} brief /> · </>}{a.since && `since ${second(a.since)} (${ago(a.since)})`}</div>
          </div>
        </li>
      ))}
    </ul>
  );
}

function Charts({ data }: { data: Figures }) {
  const s = data.series;
  const made = useMemo(() => {
    const per = (values: (number | null)[]) => values;
    const flow: Line[] = [
      { label: "received", values: per(s.received), colour: "--chart-2", fill: true },
      { label: "valid", values: per(s.valid), colour: "--chart-3" },
      { label: "complete", values: per(s.complete), colour: "--chart-1" },
      { label: "failed", values: per(s.failed), colour: "--chart-4" },
    ];
    const tri = (p: Figures["series"]["verdict_ms"]): Line[] => [
      { label: "p50", values: p.p50, colour: "--chart-1" },
      { label: "p95", values: p.p95, colour: "--chart-3", dash: [6, 3] },
      { label: "p99", values: p.p99, colour: "--chart-4", dash: [2, 2] },
    ];
    return { flow, verdict: tri(s.verdict_ms), complete: tri(s.complete_ms), lag: tri(s.lag_ms) };
  }, [s]);
  const step = data.step_s < 3600 ? `${data.step_s / 60} minutes` : data.step_s < 86400 ? "hour" : "day";
  return (
    <div class="charts">
      <Chart title={`Documents per ${step}`} at={s.at} lines={made.flow} format={short} />
      <Chart title="Time to the verdict" at={s.at} lines={made.verdict} format={duration} />
      <Chart title="Time until complete at the lake" at={s.at} lines={made.complete} format={duration} />
      <Chart title="Lag of the record behind the sender" at={s.at} lines={made.lag} format={duration} />
    </div>
  );
}

function Latency({ data }: { data: Figures }) {
  const rows: [string, keyof Figures["latency"]][] = [["Verdict", "verdict_ms"], ["Complete", "complete_ms"], ["On record", "lag_ms"]];
  return (
    <table class="plain">
      <thead><tr><th scope="col">Since received</th><th scope="col" class="numeric">p50</th><th scope="col" class="numeric">p95</th><th scope="col" class="numeric">p99</th></tr></thead>
      <tbody>
        {rows.map(([title, name]) => (
          <tr key={name}><th scope="row">{title}</th>{(["p50", "p95", "p99"] as const).map((p) => <td class="numeric" key={p}>{duration(data.latency[name]?.[p])}</td>)}</tr>
        ))}
      </tbody>
    </table>
  );
}

function Scroll({ label, children }: { label: string; children: preact.ComponentChildren }) {
  return <div class="scroll" tabIndex={0} role="region" aria-label={label}>{children}</div>;
}

function TopIssues({ data, query }: { data: Figures; query: URLSearchParams }) {
  const { by_message, by_profile, by_sender } = data.issues;
  const leading = (name: string, value: string) => gridAddress(`${name}=${encodeURIComponent(value)}`, query, data.issues);
  const profiles = shortNames(by_profile.flatMap((p) => p.profile_url ?? []));
  if (!by_message.length) return <Empty>No issue in this time.</Empty>;
  return (
    <div class="thirds">
      <Scroll label="Issues by message">
        <table>
          <thead><tr><th scope="col">Message</th><th scope="col" class="numeric">Issues</th><th scope="col" class="numeric">Documents</th></tr></thead>
          <tbody>{by_message.map((m, i) => (
            <tr key={i}>
              <td class="break"><Badge word={m.severity} /> {m.message_id ? <Link to={leading("message_id", m.message_id)}><Text value={m.message_id} mono brief max={120} /></Link> : "without a message id"}</td>
              <td class="numeric">{count(m.issues)}</td><td class="numeric">{count(m.interactions)}</td>
            </tr>
          ))}</tbody>
        </table>
      </Scroll>
      <Scroll label="Issues by profile">
        <table>
          <thead><tr><th scope="col">Profile</th><th scope="col" class="numeric">Issues</th><th scope="col" class="numeric">Documents</th></tr></thead>
          <tbody>{by_profile.map((p, i) => (
            <tr key={i}>
              <td class="break">{p.profile_url ? <Link to={leading("profile_url", p.profile_url)} title={plain(p.profile_url, 400)}><Text value={profiles.get(p.profile_url)} brief max={160} /></Link> : "without a profile"}
                <div class="soft"><Text value={p.message_id} mono brief max={120} /></div></td>
              <td class="numeric">{count(p.issues)}</td><td class="numeric">{count(p.interactions)}</td>
            </tr>
          ))}</tbody>
        </table>
      </Scroll>
      <Scroll label="Issues by sender">
        <table>
          <thead><tr><th scope="col">Sender</th><th scope="col" class="numeric">Issues</th><th scope="col" class="numeric">Documents</th></tr></thead>
          <tbody>{by_sender.map((p, i) => (
            <tr key={i}>
              <td class="break">{p.sender ? <Link to={gridAddress(`tenant=${encodeURIComponent(p.tenant)}&sender=${encodeURIComponent(p.sender)}`, query, data.issues)}><Text value={p.sender} brief max={120} /></Link> : "not named"}
                <div class="soft"><Text value={p.tenant} brief max={60} /> · <Text value={p.message_id} mono brief max={120} /></div></td>
              <td class="numeric">{count(p.issues)}</td><td class="numeric">{count(p.interactions)}</td>
            </tr>
          ))}</tbody>
        </table>
      </Scroll>
    </div>
  );
}

function Tenants({ data, query }: { data: Figures; query: URLSearchParams }) {
  return (
    <Scroll label="Figures by tenant">
      <table>
        <thead><tr><th scope="col">Tenant</th>{["Received", "Valid", "Accepted", "Complete", "Failed"].map((t) => <th scope="col" class="numeric" key={t}>{t}</th>)}</tr></thead>
        <tbody>{data.tenants.map((t) => (
          <tr key={t.tenant}>
            <th scope="row"><Link to={gridAddress(`tenant=${encodeURIComponent(t.tenant)}`, query)}><Text value={t.tenant} brief max={60} /></Link></th>
            <td class="numeric">{count(t.received)}</td>
            <td class="numeric">{count(t.valid)} <span class="soft">{percent(t.valid, t.received)}</span></td>
            <td class="numeric">{count(t.accepted)}</td>
            <td class="numeric">{count(t.complete)} <span class="soft">{percent(t.complete, t.received)}</span></td>
            <td class="numeric">{t.failed ? <span class="bad-text">{count(t.failed)}</span> : "0"}</td>
          </tr>
        ))}</tbody>
      </table>
    </Scroll>
  );
}

export default function Overview(_: PageProps) {
  const { query } = useStore(place);
  const period = readPeriod(query);
  const question = { tenant: query.get("tenant"), from: period.from, to: period.to };
  const asked = useAsk(JSON.stringify([question.tenant, period.last ?? [period.from, period.to]]), (signal) => overview(question, signal));
  useEvery(30_000, !period.to, asked.reload);
  return (
    <div class="page">
      <div class="page-head">
        <h1>Overview</h1>
        <PeriodPicker query={query} />
        {asked.data && <span class="soft">as of {second(asked.data.as_of)} UTC</span>}
        <span class="spring" />
        <button type="button" class="small" onClick={asked.reload}>Refresh</button>
      </div>
      <Answer asked={asked}>
        {(data) => (
          <div class="stack-l">
            <Panel title="From the sender to the lake"><Funnel data={data} query={query} /></Panel>
            <div class="two-one">
              <Panel title="Over time"><Charts data={data} /></Panel>
              <div class="stack-l">
                <Panel title="Needs attention"><Attention data={data} query={query} /></Panel>
                <Panel title="Latency"><Latency data={data} />
                  {data.open.count > 0 && <p class="soft foot">{data.open.count === 1 ? "1 document is under way," : `${count(data.open.count)} documents are under way, the oldest`} since {second(data.open.oldest)}.</p>}
                </Panel>
              </div>
            </div>
            <Panel title="Most frequent issues" more={<span class="soft">since {second(data.issues.from).slice(0, 16)}</span>}><TopIssues data={data} query={query} /></Panel>
            {data.tenants.length > 1 && <Panel title="Tenants"><Tenants data={data} query={query} /></Panel>}
          </div>
        )}
      </Answer>
    </div>
  );
}
