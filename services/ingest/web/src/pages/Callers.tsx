import { useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import { tenantsOf } from "../api.ts";
import { type AdminObject, adminObjects } from "../data.ts";
import { bytes, count, second } from "../format.ts";
import { Badge } from "../parts/Badge.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Answer, Empty, Panel } from "../parts/Panel.tsx";
import { Tabs } from "../parts/Tabs.tsx";
import { Text } from "../parts/Text.tsx";
import { change, place } from "../place.ts";
import { useStore } from "../store.ts";
import { useAsk } from "../useAsk.ts";

const KINDS = [
  { name: "callers", label: "Callers" },
  { name: "plans", label: "Plans and quotas" },
  { name: "tenants", label: "Tenants" },
  { name: "hosts", label: "Hosts" },
];

interface Credential {
  expires?: string;
  revoked?: string;
}

interface Column {
  title: string;
  numeric?: boolean;
  cell: (o: AdminObject) => preact.ComponentChildren;
}

const nameOf = (o: AdminObject) => o.id.split("/").pop() ?? o.id;
const words = (value: unknown) => (Array.isArray(value) ? value.map(String).join(", ") : value === undefined || value === null ? null : String(value));
const text = (title: string, member: string): Column => ({ title, cell: (o) => <Text value={words(o.data[member])} max={120} brief /> });
const amount = (title: string, member: string, write = count): Column => ({ title, numeric: true, cell: (o) => (o.data[member] ? write(Number(o.data[member])) : <span class="soft">no limit</span>) });

function credentials(o: AdminObject): Credential[] {
  const list = (value: unknown) => (Array.isArray(value) ? (value as Credential[]) : []);
  const clients = Array.isArray(o.data.clients) ? (o.data.clients as { secrets?: Credential[] }[]) : [];
  return [...list(o.data.apiKeys), ...list(o.data.certificates), ...clients.flatMap((c) => list(c.secrets))];
}

/** Those that still open something, and when the first of them ends. */
function Credentials({ of }: { of: AdminObject }) {
  const now = new Date().toISOString();
  const live = credentials(of).filter((c) => !c.revoked && !(c.expires && c.expires < now));
  const first = live.map((c) => c.expires).filter((e): e is string => Boolean(e)).sort()[0];
  return <>{count(live.length)}{first && <div class="soft">first ends {second(first).slice(0, 10)}</div>}</>;
}

function Permissions({ of }: { of: AdminObject }) {
  const value = of.data.permissions;
  if (!value || typeof value !== "object") return <span class="none">–</span>;
  return <>{Object.entries(value).map(([name, tenants]) => <div key={name}><Text value={name} max={40} brief /> <span class="soft"><Text value={words(tenants)} max={80} brief /></span></div>)}</>;
}

const COLUMNS: Record<string, Column[]> = {
  callers: [text("About", "about"), text("Tenants", "tenants"), { title: "May", cell: (o) => <Permissions of={o} /> }, text("Plan", "plan"), { title: "Credentials", numeric: true, cell: (o) => <Credentials of={o} /> }],
  plans: [text("About", "about"), amount("A second", "ratePerS"), amount("Burst", "burst"), amount("Quota", "quota"), text("Each", "period"), amount("At a time", "concurrency"), amount("Body at most", "bodyMaxBytes", bytes)],
  tenants: [text("About", "about"), text("Tenant", "tenant"), text("Plan", "plan"), { title: "Organisations", numeric: true, cell: (o) => count(Array.isArray(o.data.organisations) ? o.data.organisations.length : 0) }],
  hosts: [text("About", "about"), text("Tenant", "tenant"), text("Address", "url")],
};

function List({ kind, tenants, onShow }: { kind: string; tenants: (string | null)[]; onShow: (o: AdminObject) => void }) {
  const asked = useAsk(JSON.stringify([kind, tenants]), (signal) => adminObjects(kind, tenants, signal));
  const columns = COLUMNS[kind] ?? [];
  return (
    <Answer asked={asked}>
      {(list) => list.length === 0 ? <Empty>None is published.</Empty> : (
        <Panel title={KINDS.find((k) => k.name === kind)!.label} flush>
          <div class="scroll tall" tabIndex={0} role="region" aria-label={`${kind}, a table`}>
            <table>
              <thead><tr><th scope="col">Name</th>{columns.map((c) => <th scope="col" class={c.numeric ? "numeric" : undefined} key={c.title}>{c.title}</th>)}<th scope="col">In force</th><th scope="col">Published</th></tr></thead>
              <tbody>{list.map((o) => (
                <tr key={o.id}>
                  <th scope="row"><button type="button" class="link" onClick={() => onShow(o)}><Text value={nameOf(o)} max={80} brief /></button></th>
                  {columns.map((c) => <td class={c.numeric ? "numeric" : "break"} key={c.title}>{c.cell(o)}</td>)}
                  <td>{o.data.disabled ? <Badge word="disabled" tone="bad" /> : <Badge word="yes" tone="good" />}</td>
                  <td>{second(o.publishedAt)}<div class="soft"><Text value={o.publishedBy} max={60} brief /> · version {String(o.version)}</div></td>
                </tr>
              ))}</tbody>
            </table>
          </div>
        </Panel>
      )}
    </Answer>
  );
}

export default function Callers({ session }: PageProps) {
  const { query } = useStore(place);
  const tenants = tenantsOf(session, query.get("tenant"));
  const kind = KINDS.some((k) => k.name === query.get("kind")) ? query.get("kind")! : "callers";
  const [shown, setShown] = useState<AdminObject | null>(null);
  return (
    <div class="page">
      <div class="page-head"><h1>Callers</h1><span class="soft">Who may do what, and how much. Changed by fhirbus-keys, or over HTTP.</span></div>
      <Tabs label="Kinds" tabs={KINDS} chosen={kind} onChoose={(name) => change({ kind: name === "callers" ? undefined : name })}>
        <List key={kind} kind={kind} tenants={tenants} onShow={setShown} />
      </Tabs>
      {shown && (
        <Dialog wide title={shown.id} onClose={() => setShown(null)}>
          {shown.comment && <p class="notice info"><Text value={shown.comment} /></p>}
          <div class="reply tall" tabIndex={0} role="region" aria-label={`${shown.id}, as it is published`}><Text value={JSON.stringify(shown.data, null, 2)} mono lines max={20000} /></div>
        </Dialog>
      )}
    </div>
  );
}
