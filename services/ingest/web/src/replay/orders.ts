import { type Session, tenantsOf } from "../api.ts";
import type { ReplayOrder } from "../data.ts";

/** What is to be replayed: some, or all of a time that are in a state, or records of the dead-letter topic. */
export interface What {
  some?: { id: string; tenant: string }[];
  state?: string;
  since?: string | undefined;
  until?: string | undefined;
  letters?: { partition: number; offset: number; tenant: string | null }[];
}

/** The hub takes so many ids in one order. */
export const IDS_MAX = 1000;

/** A replay is one tenant's, or everybody's: what one asks for may take several. */
export type Part = Pick<ReplayOrder, "tenant" | "ids" | "state" | "since" | "until" | "offsets">;

/** Chosen records as the hub takes them: partition:from-to, neighbours joined. */
export function offsets(chosen: { partition: number; offset: number }[]): string {
  const sorted = [...chosen].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  const ranges: { partition: number; from: number; to: number }[] = [];
  for (const r of sorted) {
    const last = ranges[ranges.length - 1];
    if (last && last.partition === r.partition && last.to + 1 === r.offset) last.to = r.offset;
    else ranges.push({ partition: r.partition, from: r.offset, to: r.offset });
  }
  return ranges.map((r) => `${r.partition}:${r.from}-${r.to}`).join(",");
}

function byTenant<T extends { tenant: string | null }>(all: T[]): [string | null, T[]][] {
  const groups = new Map<string | null, T[]>();
  for (const one of all) groups.set(one.tenant, [...(groups.get(one.tenant) ?? []), one]);
  return [...groups];
}

const whose = (tenant: string | null) => (tenant === null ? {} : { tenant });

/** The tenants of what was chosen are its own, whatever is picked at the top. */
export function partsOf(what: What, session: Session, picked: string | null): Part[] {
  if (what.some)
    return byTenant(what.some).flatMap(([tenant, list]) => {
      const ids = list.map((one) => one.id);
      return Array.from({ length: Math.ceil(ids.length / IDS_MAX) }, (_, i) => ({ ...whose(tenant), ids: ids.slice(i * IDS_MAX, (i + 1) * IDS_MAX) }));
    });
  if (what.letters) return byTenant(what.letters).map(([tenant, list]) => ({ ...whose(tenant), offsets: offsets(list) }));
  const list = { ...(what.state ? { state: what.state } : {}), ...(what.since ? { since: what.since } : {}), ...(what.until ? { until: what.until } : {}) };
  return tenantsOf(session, picked).map((tenant) => ({ ...whose(tenant), ...list }));
}
