import { ApiError, ask, fetchAnswer } from "./api.ts";

/** What the hub's routes answer, as far as the pages use it. */
const API = "/admin/api/diagnostics";

type Query = Record<string, string | number | boolean | undefined | null>;

export function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

// --- overview -------------------------------------------------------------------------------------
export interface Percentiles<T> {
  p50: T;
  p95: T;
  p99: T;
}

export interface Overview {
  from: string;
  to: string;
  step_s: number;
  as_of: string;
  funnel: { received: number; judged: number; valid: number; accepted: number; sent: number; complete: number };
  leaks: { after: string; why: string; count: number; filter: string }[];
  /** what no step leaks, and without which they do not add up */
  beside: { accepted_invalid: number; sent_otherwise: number };
  tenants: { tenant: string; received: number; judged: number; valid: number; accepted: number; sent: number; complete: number; failed: number }[];
  series: {
    at: string[];
    received: number[];
    valid: number[];
    accepted: number[];
    complete: number[];
    failed: number[];
    verdict_ms: Percentiles<(number | null)[]>;
    complete_ms: Percentiles<(number | null)[]>;
    lag_ms: Percentiles<(number | null)[]>;
  };
  latency: Record<"verdict_ms" | "complete_ms" | "lag_ms", Percentiles<number | null> & { count: number }>;
  open: { count: number; oldest: string | null };
  /** `interactions`: of this time (whole hours or days), each once, whether it has an issue or not: those that the filter finds. */
  issues: {
    from: string;
    to: string;
    by_message: { message_id: string | null; severity: string; issues: number; interactions: number | null }[];
    by_profile: { profile_url: string | null; issues: number; interactions: number; message_id: string | null }[];
    by_sender: { tenant: string; sender: string | null; issues: number; interactions: number; message_id: string | null }[];
  };
  attention: { kind: string; severity: string; tenant: string | null; count: number; since: string | null; text: string; filter: string | null }[];
}

export function overview(query: Query, signal: AbortSignal): Promise<Overview> {
  return ask(withQuery(`${API}/overview`, query), { signal });
}

// --- interactions ---------------------------------------------------------------------------------
export interface Row {
  interaction_id: string;
  tenant_id: string;
  received_at: string;
  state: string | null;
  state_at: string | null;
  source_type: string | null;
  uri: string | null;
  lane: string | null;
  disposition: string | null;
  is_bundle_valid: boolean | null;
  errors: number | null;
  warnings: number | null;
  information: number | null;
  precheck_code: string | null;
  profile_url: string | null;
  ig_version: string | null;
  bundle_id: string | null;
  bundle_type: string | null;
  patient_id: string | null;
  patient_mrn: string | null;
  medicaid_cin: string | null;
  organization_id: string | null;
  organization_name: string | null;
  correlation_id: string | null;
  group_interaction_id: string | null;
  master_interaction_id: string | null;
  payload_bytes: number | null;
  payload_sha256: string | null;
  replay_id: string | null;
  sender?: string | null;
  verdict_ms?: number | null;
  complete_ms?: number | null;
}

export interface PageOfRows {
  interactions: Row[];
  next: string | null;
  estimate?: number | null;
  exact?: boolean;
}

export function interactions(path: string, signal?: AbortSignal): Promise<PageOfRows> {
  return ask(path, signal ? { signal } : {});
}

/** All rows of a view; null: more than `most`. */
export async function allRows(filters: Record<string, string>, most: number): Promise<Row[] | null> {
  const found: Row[] = [];
  let path: string | null = withQuery("/interactions", { ...filters, sort: "received_at:desc", limit: 500 });
  while (path) {
    const page: PageOfRows = await interactions(path);
    found.push(...page.interactions);
    if (found.length > most) return null;
    path = page.next;
  }
  return found;
}

export interface Changes {
  interactions: Row[];
  after: number;
  more: boolean;
}

export type Facets = Record<string, { value: string; count: number }[]>;

export function facets(query: Query, signal: AbortSignal): Promise<Facets> {
  return ask(withQuery("/interactions/facets", query), { signal });
}

// --- one interaction ------------------------------------------------------------------------------
export interface Issue {
  ordinal: number;
  severity: string;
  code: string | null;
  message_id: string | null;
  location: string | null;
  expression: string | null;
  diagnostics: string | null;
  line: number | null;
  col: number | null;
}

export interface Happening {
  at: string;
  step: string;
  nature: string | null;
  from_state: string | null;
  to_state: string | null;
  reason: string | null;
  service: string | null;
  destination: string | null;
  replay_id: string | null;
  attempt: number | null;
  since_received_ms: number | null;
  since_previous_ms: number | null;
}

export interface Verdict {
  replay_id: string | null;
  attempt: number;
  valid: boolean;
  action: string | null;
  disposition: unknown;
  precheck_code: string | null;
  precheck_message: string | null;
  errors: number;
  warnings: number;
  information: number;
  issues_left_out: number;
  ig_name: string | null;
  ig_version: string | null;
  profile_url: string | null;
  engine: string | null;
  started_at: string | null;
  finished_at: string | null;
  took_ms: number | null;
  rules_version: string | null;
  engine_errors: number | null;
  engine_warnings: number | null;
  engine_information: number | null;
  rules_changed: boolean;
  shown: boolean;
}

export interface RuleChange {
  ordinal: number;
  rule: string;
  what: string;
  issue: number | null;
  before: string | null;
  after: string | null;
}

export interface Attempt {
  destination: string;
  replay_id: string | null;
  attempt: number;
  success: boolean;
  final: boolean;
  url: string | null;
  http_status: number | null;
  error_class: string | null;
  error_text: string | null;
  response: string | null;
  response_bytes: number | null;
  response_truncated: boolean;
  response_content_type: string | null;
  request_sha256: string | null;
  request_bytes: number | null;
  started_at: string | null;
  finished_at: string | null;
  took_ms: number | null;
  rules_version: string | null;
  transforms: unknown;
}

export interface ShortIssue {
  severity: string;
  message_id: string | null;
  location: string | null;
  diagnostics: string | null;
}

export interface ReplayOfOne {
  replay_id: string;
  asked_at: string | null;
  asked_by: string | null;
  to: string | null;
  failure: string | null;
  valid_before: boolean | null;
  valid_after: boolean | null;
  action_before: string | null;
  action_after: string | null;
  issues_added: ShortIssue[];
  issues_gone: ShortIssue[];
}

export interface One {
  interaction: Row & {
    caller?: string | null;
    route?: string | null;
    content_type?: string | null;
    client_ip_address?: string | null;
    user_agent?: string | null;
    parent_interaction_id?: string | null;
    payload_available?: boolean;
    bundle_available?: boolean;
  };
  events: Happening[];
  verdicts: Verdict[];
  issues: Issue[];
  engine_issues: Issue[] | null;
  rule_changes: RuleChange[];
  attempts: Attempt[];
  /** `body_is` verdict: not the bytes that went, but the OperationOutcome that they held. */
  told: { at: string; status: number | null; content_type: string | null; body: string | null; body_is: "answer" | "verdict" | null; details: { bytes?: string } | null }[];
  replays: ReplayOfOne[];
  masked: boolean;
}

/** `reveal`: with identifiers and texts as they are, which goes on record. */
export function one(id: string, tenant: string | null, replay: string | null, reveal: boolean, signal: AbortSignal): Promise<One> {
  return ask(withQuery(`${API}/interactions/${encodeURIComponent(id)}`, { tenant, replay_id: replay, reveal: reveal || null }), { signal });
}

export interface Payload {
  text: string;
  type: string;
  masked: boolean;
  verified: boolean;
  bytes: number;
}

export type WhichPayload = "original" | "bundle" | "lake";

export function payloadPath(id: string, tenant: string | null, what: WhichPayload, reveal: boolean, download = false): string {
  const query: Query = { tenant, what };
  if (reveal) query.reveal = true;
  if (download) query.download = true;
  return withQuery(`${API}/interactions/${encodeURIComponent(id)}/payload`, query);
}

async function fetchPayload(path: string, signal: AbortSignal): Promise<Payload> {
  const answer = await fetchAnswer(path, { signal, headers: { Accept: "*/*" } });
  const bytes = await answer.arrayBuffer();
  return {
    text: new TextDecoder("utf-8").decode(bytes),
    type: answer.headers.get("Content-Type") ?? "",
    masked: answer.headers.get("X-Fhirbus-Masked") === "true",
    verified: answer.headers.get("X-Fhirbus-Verified") === "true",
    bytes: bytes.byteLength,
  };
}

let early: { path: string; answer: Promise<Payload> } | null = null;

/** Asks for what was sent before anything else of it is known: a large one takes its time. Returns how to give it up. */
export function payloadEarly(id: string, tenant: string): () => void {
  const abort = new AbortController();
  const path = payloadPath(id, tenant, "original", false);
  const mine = (early = { path, answer: fetchPayload(path, abort.signal) });
  mine.answer.catch(() => undefined); // whoever wants it hears of it
  return () => {
    abort.abort();
    if (early === mine) early = null;
  };
}

export function payload(id: string, tenant: string | null, what: WhichPayload, reveal: boolean, signal: AbortSignal): Promise<Payload> {
  const path = payloadPath(id, tenant, what, reveal);
  if (early?.path !== path) return fetchPayload(path, signal);
  const { answer } = early;
  early = null;
  return answer;
}

// --- doing ----------------------------------------------------------------------------------------
export interface ReplayOrder {
  to: "validate" | "store" | "submit";
  ids?: string[];
  tenant?: string;
  since?: string;
  until?: string;
  state?: string;
  from?: "store" | "topic" | "dlq";
  offsets?: string;
  resubmit?: boolean;
  include_superseded?: boolean;
  rate?: number;
  dry_run: boolean;
}

export interface Replay {
  replay_id: string;
  state: string;
  to: string;
  source: string;
  total: number;
  published: number;
  superseded: number;
  accepted: number;
  purged: number;
  skipped: number;
  unreadable: number;
  from_store?: number;
  redriven?: number;
  report?: ReplayReport;
}

export interface ReplayReport {
  judged: number;
  failed: number;
  changed: number;
  now_invalid: number;
  now_valid: number;
  other_disposition: number;
  issues_added: number;
  issues_gone: number;
  differences: (string | Record<string, unknown>)[];
}

export interface ListedReplay {
  replay_id: string;
  asked_at: string;
  asked_by: string | null;
  tenant: string | null;
  from_at: string | null;
  to_at: string | null;
  of_state: string | null;
  ids: number | null;
  to: string;
  state: string;
  total: number;
  published: number;
  superseded: number;
  accepted: number;
  purged: number;
  source: string;
}

export async function orderReplay(order: ReplayOrder): Promise<Replay> {
  return (await ask<{ replay: Replay }>(`${API}/replays`, { method: "POST", json: order })).replay;
}

/** A part that this hub has no route for says so, instead of "not there". */
async function offered<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) throw new ApiError(501, "not-offered", "This hub does not offer this to the pages; the command line tools do (docs/operators.md).");
    throw error;
  });
}

export async function replays(signal: AbortSignal): Promise<ListedReplay[]> {
  return (await offered(ask<{ replays: ListedReplay[] }>(`${API}/replays?limit=100`, { signal }))).replays;
}

/** `tenant`: whose it is, which somebody with several has to say; null: everybody's. */
export function replayStatus(id: string, tenant: string | null, reveal: boolean, signal?: AbortSignal): Promise<Replay> {
  return ask(withQuery(`/Bundle/replay/${encodeURIComponent(id)}`, { report: true, tenant, reveal: reveal || null }), signal ? { signal } : {});
}

export function cancelReplay(id: string, tenant: string | null): Promise<Replay> {
  return ask(withQuery(`/Bundle/replay/${encodeURIComponent(id)}`, { tenant }), { method: "DELETE" });
}

export interface DeadLetter {
  partition: number;
  offset: number;
  at: string;
  reason: string | null;
  detail: string | null;
  /** who gave it up */
  service: string | null;
  topic: string | null;
  topic_partition: number | null;
  topic_offset: number | null;
  /** of a worker, by it; to deliver it; null: not said */
  deaths: number | null;
  attempts: number | null;
  tenant: string | null;
  interaction_id: string | null;
  bytes: number;
  /** of its document, as it is now; null: nothing of it is on record */
  state: string | null;
  state_at: string | null;
}

export interface DeadLetters {
  records: DeadLetter[];
  masked: boolean;
  next: string | null;
  total: number | null;
}

export function deadLetters(query: Query, signal: AbortSignal): Promise<DeadLetters> {
  return offered(ask(withQuery(`${API}/dlq`, query), { signal }));
}

export interface RuleSet {
  name: string;
  version: number;
  about: string | null;
  disabled: boolean;
  builtin?: boolean;
  published_at?: string | null;
  published_by?: string | null;
  comment?: string | null;
  /** null: it names other tenants, too */
  object: unknown;
}

export interface Rules {
  rules: RuleSet[];
  destinations: { name: string; object: unknown }[];
}

export function rules(signal: AbortSignal): Promise<Rules> {
  return offered(ask(`${API}/rules`, { signal }));
}

export interface Tried {
  tried: {
    tenant: string;
    interaction_id: string;
    valid_before: boolean;
    valid_after: boolean;
    action_before: string | null;
    action_after: string | null;
    errors_before: number;
    errors_after: number;
    warnings_before: number;
    warnings_after: number;
    changes: RuleChange[];
  }[];
  /** whose bytes are no longer kept */
  left_out: number;
  problems: { line: number | null; column: number | null; where: string | null; text: string }[];
}

/** The text as it is edited: problems then come with its lines. */
export function tryRules(name: string, text: string, ids: string[] | null, last: number, reveal: boolean): Promise<Tried> {
  return ask(withQuery(`${API}/rules/try`, { reveal: reveal || null }), { method: "POST", json: ids?.length ? { name, text, ids } : { name, text, ids: null, last } });
}

export function publishRules(name: string, text: string, baseVersion: number, comment: string): Promise<{ version: number }> {
  return ask(`${API}/rules/${encodeURIComponent(name)}`, { method: "PUT", json: { text, base_version: baseVersion, ...(comment ? { comment } : {}) } });
}

export async function retireRules(name: string, baseVersion: number, comment: string): Promise<void> {
  await ask(withQuery(`${API}/rules/${encodeURIComponent(name)}`, { base_version: baseVersion, comment: comment || null }), { method: "DELETE" });
}

export interface Image {
  ig_name: string;
  ig_version: string;
  engine_version: string | null;
  verdicts: number;
  first_used: string | null;
  last_used: string | null;
}

export interface LoadedInstance {
  instance: string;
  host: string;
  software: string;
  state: "running" | "ended" | "gone";
  loaded_at: string;
  last_seen: string;
}

/** An image that validators have open, as they last said. */
export interface LoadedImage {
  digest: string;
  name: string;
  version: string;
  reference: string | null;
  bytes: number | null;
  profiles: number | null;
  packages: string[] | null;
  profile_urls: string[] | null;
  validators: number;
  gone: number;
  since: string;
  last_seen: string;
  instances: LoadedInstance[] | null;
}

export interface Guides {
  images: Image[];
  loaded: LoadedImage[];
  validators: { running: number; gone: number };
}

/** While replicas are replaced, one of before may answer: it knows of verdicts alone. */
export async function guides(signal: AbortSignal): Promise<Guides> {
  const known = await offered(ask<Partial<Guides>>(`${API}/images`, { signal }));
  return { images: known.images ?? [], loaded: known.loaded ?? [], validators: known.validators ?? { running: 0, gone: 0 } };
}

// --- playground -----------------------------------------------------------------------------------
export interface OutcomeIssue {
  severity?: string;
  code?: string;
  diagnostics?: string;
  location?: string[];
  expression?: string[];
  extension?: { url: string; valueInteger?: number; valueString?: string }[];
  details?: { coding?: { code?: string }[]; text?: string };
}

export interface Judged {
  OperationOutcome: {
    validationResults?: {
      valid: boolean;
      igVersion?: string;
      profileUrl?: string;
      initiatedAt?: number;
      completedAt?: number;
      issues?: { message: string; severity: string }[];
      operationOutcome?: { issue?: OutcomeIssue[] };
    }[];
    techByDesignDisposition?: { action: string; actionPayload?: { message?: string; description?: string; rule?: string } }[];
    rulesVersion?: string;
    message?: string;
  };
}

export function judge(text: string, query: Query): Promise<Judged> {
  return offered(ask(withQuery(`${API}/validate`, query), { method: "POST", body: text, headers: { "Content-Type": "application/fhir+json" } }));
}

/** An issue of an OperationOutcome in the shape of the stored ones. */
export function fromOutcome(issue: OutcomeIssue, ordinal: number): Issue {
  const extension = (name: string) => issue.extension?.find((e) => e.url.endsWith(name));
  return {
    ordinal,
    severity: issue.severity ?? "information",
    code: issue.code ?? null,
    message_id: extension("operationoutcome-message-id")?.valueString ?? issue.details?.coding?.[0]?.code ?? null,
    location: issue.location?.[0] ?? null,
    expression: issue.expression?.[0] ?? issue.location?.[0] ?? null,
    diagnostics: issue.diagnostics ?? issue.details?.text ?? null,
    line: extension("operationoutcome-issue-line")?.valueInteger || null,
    col: extension("operationoutcome-issue-col")?.valueInteger || null,
  };
}

// --- callers, quotas -------------------------------------------------------------------------------
export interface AdminObject {
  id: string;
  version: number | string;
  publishedAt: string | null;
  publishedBy: string | null;
  comment?: string | null;
  data: Record<string, unknown>;
}

/** All objects of a kind; there are dozens, a page is a hundred. The route answers for one tenant, or for
 *  everybody (null), so somebody with several asks for each; what concerns two of them comes twice. */
export async function adminObjects(kind: string, tenants: (string | null)[], signal: AbortSignal): Promise<AdminObject[]> {
  const found = new Map<string, AdminObject>();
  for (const tenant of tenants) {
    let after: string | undefined;
    do {
      const page: { objects: AdminObject[]; next?: string | null } = await ask(withQuery(`/admin/${kind}`, { limit: 100, after, tenant }), { signal });
      for (const object of page.objects) found.set(object.id, object);
      after = page.next ?? undefined;
    } while (after);
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
