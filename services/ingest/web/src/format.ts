/** Numbers, times and sizes as the pages write them. Times are UTC, as they are stored. */
const whole = new Intl.NumberFormat("en-US");
const tenth = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

export function count(n: number | null | undefined): string {
  return n === null || n === undefined ? "–" : whole.format(n);
}

export function short(n: number): string {
  if (n < 10_000) return whole.format(n);
  if (n < 1_000_000) return `${tenth.format(n / 1_000)} k`;
  return `${tenth.format(n / 1_000_000)} M`;
}

export function percent(part: number, of: number): string {
  if (!of) return "–";
  const share = (100 * part) / of;
  if (share > 0 && share < 0.1) return "< 0.1 %";
  if (share < 100 && share > 99.9) return "> 99.9 %";
  return `${tenth.format(share)} %`;
}

export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined) return "–";
  if (n < 1024) return `${n} B`;
  if (n < 1024 * 1024) return `${tenth.format(n / 1024)} KiB`;
  return `${tenth.format(n / 1024 / 1024)} MiB`;
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  if (ms < 1) return "< 1 ms";
  if (ms < 10) return `${tenth.format(ms)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${tenth.format(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`;
  return `${Math.floor(ms / 86_400_000)} d ${Math.round((ms % 86_400_000) / 3_600_000)} h`;
}

/** Addresses by their last parts: as many as it takes to tell each from all the others. */
export function shortNames(urls: string[]): Map<string, string> {
  const names = new Map<string, string>();
  const open = new Set(urls);
  for (let parts = 1; open.size; parts++) {
    const tried = new Map<string, string[]>();
    for (const url of open) {
      const all = url.split("/");
      const name = parts < all.length && all.slice(-parts).some(Boolean) ? (parts > 1 ? "…/" : "") + all.slice(-parts).join("/") : url;
      tried.set(name, [...(tried.get(name) ?? []), url]);
    }
    for (const [name, those] of tried) {
      if (those.length > 1 || (!name.replace(/[…/]/g, "") && name !== those[0])) continue;
      names.set(those[0]!, name);
      open.delete(those[0]!);
    }
  }
  return names;
}

function parsed(at: string | null | undefined): Date | null {
  if (!at) return null;
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** 2026-11-28 09:41:07.123 */
export function time(at: string | null | undefined): string {
  const date = parsed(at);
  return date ? date.toISOString().replace("T", " ").replace("Z", "") : (at ?? "–");
}

/** Without the milliseconds. */
export function second(at: string | null | undefined): string {
  const date = parsed(at);
  return date ? date.toISOString().slice(0, 19).replace("T", " ") : (at ?? "–");
}

export function clock(at: Date): string {
  return at.toISOString().slice(11, 19);
}

export function between(from: string | null | undefined, to: string | null | undefined): number | null {
  const a = parsed(from);
  const b = parsed(to);
  return a && b ? b.getTime() - a.getTime() : null;
}

export function ago(at: string | null | undefined, now = Date.now()): string {
  const date = parsed(at);
  if (!date) return "–";
  const ms = now - date.getTime();
  return ms < 1_000 ? "now" : `${duration(ms).split(" ").slice(0, 2).join(" ")} ago`;
}
