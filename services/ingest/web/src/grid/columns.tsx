import type { Row } from "../data.ts";
import { bytes, count, duration, second } from "../format.ts";
import { Badge, StateBadge, Valid } from "../parts/Badge.tsx";
import type { GridColumn } from "../parts/Grid.tsx";
import { Text } from "../parts/Text.tsx";
import { address } from "../place.ts";

/** `of` says whose it is, should several tenants have that id; `tenant` is what one has chosen to look at. */
export function interactionAddress(id: string, tenant: string | null, tab?: string): string {
  return address(`/interactions/${encodeURIComponent(id)}`, { of: tenant ?? undefined, tab });
}

const text = (id: keyof Row, title: string, width: number): GridColumn<Row> => ({
  id, title, width, cell: (row) => <Text value={row[id] === null || row[id] === undefined ? null : String(row[id])} max={160} brief />,
});
const number = (id: keyof Row, title: string, width: number, write: (n: number | null | undefined) => string, sortable = false): GridColumn<Row> => ({
  id, title, width, numeric: true, sortable, cell: (row) => write(row[id] as number | null | undefined),
});
const some = (n: number | null | undefined, bad: string) => (n ? <span class={bad}>{count(n)}</span> : count(n));

/** Ids stand whole: they are what one copies. A link, so that it opens in a new tab too; the cell has the focus. */
export const COLUMNS: GridColumn<Row>[] = [
  { id: "received_at", title: "Received (UTC)", width: 174, sortable: true, cell: (row) => <a href={interactionAddress(row.interaction_id, row.tenant_id)} tabIndex={-1} class="open">{second(row.received_at)}</a> },
  text("tenant_id", "Tenant", 130),
  { id: "state", title: "State", width: 104, cell: (row) => <StateBadge state={row.state} /> },
  { id: "state_at", title: "State since", width: 174, sortable: true, cell: (row) => second(row.state_at) },
  { id: "is_bundle_valid", title: "Validity", width: 84, cell: (row) => <Valid valid={row.is_bundle_valid} /> },
  { id: "disposition", title: "Disposition", width: 98, cell: (row) => <Badge word={row.disposition} /> },
  { id: "errors", title: "Errors", width: 76, numeric: true, sortable: true, cell: (row) => some(row.errors, "bad-text") },
  { id: "warnings", title: "Warnings", width: 92, numeric: true, sortable: true, cell: (row) => count(row.warnings) },
  number("information", "Notes", 70, count),
  text("source_type", "Source", 78),
  text("sender", "Sender", 150),
  number("verdict_ms", "Verdict", 86, duration, true),
  number("complete_ms", "Complete", 94, duration, true),
  number("payload_bytes", "Size", 90, bytes, true),
  { id: "interaction_id", title: "Interaction", width: 290, cell: (row) => <span class="id">{row.interaction_id}</span> },
  text("bundle_id", "Bundle", 220),
  text("bundle_type", "Bundle type", 100),
  text("precheck_code", "Precheck", 120),
  text("profile_url", "Profile", 320),
  text("ig_version", "Guide version", 110),
  text("patient_id", "Patient", 120),
  text("patient_mrn", "MRN", 120),
  text("medicaid_cin", "Medicaid CIN", 120),
  text("organization_id", "Organisation id", 140),
  text("organization_name", "Organisation", 200),
  text("uri", "Route", 130),
  text("lane", "Lane", 90),
  text("correlation_id", "Correlation id", 290),
  text("group_interaction_id", "Group interaction", 290),
  text("master_interaction_id", "Master interaction", 290),
  text("payload_sha256", "SHA-256", 300),
  text("replay_id", "Last replay", 290),
];

export const COLUMN_IDS = COLUMNS.map((column) => column.id);
