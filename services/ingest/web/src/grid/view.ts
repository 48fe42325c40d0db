import { type Row, withQuery } from "../data.ts";
import { readPeriod } from "../period.ts";

/** A view of the interactions: what is filtered, how it is sorted, which columns; and its address. */
export const FILTERS = ["state", "disposition", "source_type", "ig_version", "valid", "profile_url", "message_id", "sender", "interaction_id", "bundle_id", "q", "text", "tenant"] as const;
export const SEVERAL = ["state", "disposition", "source_type", "ig_version"] as const;

export const FILTER_NAMES: Record<string, string> = {
  state: "State", disposition: "Disposition", source_type: "Source", ig_version: "Guide version", valid: "Validity", profile_url: "Profile",
  message_id: "Message", sender: "Sender", interaction_id: "Interaction", bundle_id: "Bundle", q: "Issue words", text: "Issue text", tenant: "Tenant", patient: "Patient",
};

export const DEFAULT_SORT = "received_at:desc";
export const DEFAULT_COLUMNS = ["received_at", "tenant_id", "state", "is_bundle_valid", "disposition", "errors", "warnings", "source_type", "sender", "verdict_ms", "complete_ms", "payload_bytes", "interaction_id"];

/** Patients' identifiers are kept out of addresses: they are in histories, and get passed on. */
export function filtersOf(query: URLSearchParams, patient: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) found[name] = value;
  }
  if (patient) found.patient = patient;
  const period = readPeriod(query, Date.now(), true);
  if (period.from) found.from = period.from;
  if (period.to) found.to = period.to;
  return found;
}

export function sortOf(query: URLSearchParams): { id: string; desc: boolean } {
  const [id = "received_at", order] = (query.get("sort") ?? DEFAULT_SORT).split(":");
  return { id, desc: order !== "asc" };
}

/** What says exactly which documents are meant: they are looked for in all time. */
export const EXACT = ["interaction_id", "bundle_id", "patient"] as const;

/** Names that there are not any more, or never were, are passed over. */
export function columnsOf(query: URLSearchParams, known: string[]): string[] {
  const named = query.get("columns")?.split(",").filter((name) => known.includes(name)) ?? [];
  return named.length ? named : DEFAULT_COLUMNS;
}

export function listPath(filters: Record<string, string>, sort: string, limit: number): string {
  return withQuery("/interactions", { ...filters, sort, limit });
}

export const keyOf = (row: Row): string => `${row.tenant_id}\n${row.interaction_id}`;
