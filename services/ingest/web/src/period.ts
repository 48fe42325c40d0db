/** The time that a view is about: `last=24h`, or `from` and `to`. In the address, like everything of a view. */
export const PERIODS: [string, string, number][] = [
  ["1h", "Last hour", 3_600],
  ["24h", "Last 24 hours", 86_400],
  ["7d", "Last 7 days", 7 * 86_400],
  ["30d", "Last 30 days", 30 * 86_400],
  ["365d", "Last year", 365 * 86_400],
];

export interface Period {
  last: string | null;
  from: string | undefined;
  to: string | undefined;
  /** what the address says instead of a time that there is */
  unknown?: string;
}

/** Where an id is looked for, the time may be left out: `last=all`. */
export const ALL = "all";

/** `all`: where the time may be left out. Whole minutes, so that a view that is drawn again asks the same question. */
export function readPeriod(query: URLSearchParams, now = Date.now(), all = false): Period {
  const from = query.get("from") ?? undefined;
  const to = query.get("to") ?? undefined;
  if (from || to) return { last: null, from, to };
  const said = query.get("last") ?? "24h";
  if (all && said === ALL) return { last: ALL, from: undefined, to: undefined };
  const known = PERIODS.find(([name]) => name === said);
  const [last, , seconds] = known ?? PERIODS[1]!;
  const minute = Math.floor(now / 60_000) * 60_000;
  return { last, from: new Date(minute - seconds * 1000).toISOString(), to: undefined, ...(known ? {} : { unknown: said }) };
}
