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
}

/** Whole minutes, so that a view that is drawn again asks the same question. */
export function readPeriod(query: URLSearchParams, now = Date.now()): Period {
  const from = query.get("from") ?? undefined;
  const to = query.get("to") ?? undefined;
  if (from || to) return { last: null, from, to };
  const last = query.get("last") ?? "24h";
  const seconds = (PERIODS.find(([name]) => name === last) ?? PERIODS[1]!)[2];
  const minute = Math.floor(now / 60_000) * 60_000;
  return { last, from: new Date(minute - seconds * 1000).toISOString(), to: undefined };
}
