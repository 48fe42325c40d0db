import type { Row } from "../data.ts";
import { keyOf } from "./view.ts";

/** Rows in their order: those that came while one looked on, then page after page as they were fetched.
 *  A page may hold fewer rows than it was fetched with, or more: what fits no longer goes, what fits now comes in. */
export interface Page {
  path: string;
  /** the row behind which it begins; undefined: at the top */
  behind: Row | undefined;
  /** null: not fetched, or forgotten */
  rows: Row[] | null;
  /** how many it has, or had when it was forgotten */
  size: number;
  loading: boolean;
}

/** The hub gives so many at once. */
const ROWS_MAX = 500;
/** Those of patients: masked by whoever tells of changes, though one has them revealed. */
const IDENTIFIERS = ["patient_id", "patient_mrn", "medicaid_cin"] as const;

export class Shelf {
  readonly pages: Page[] = [];
  /** on top of the first page */
  private live: Row[] = [];
  /** newer than all, not shown yet; newest first */
  held: Row[] = [];
  ended = false;
  /** of the first page, as it was fetched */
  private newest = "";

  constructor(first: string) {
    this.pages.push({ path: first, behind: undefined, rows: null, size: 0, loading: false });
  }

  get length(): number {
    return this.pages.reduce((n, page) => n + page.size, this.live.length);
  }

  at(index: number): Row | undefined {
    if (index < this.live.length) return this.live[index];
    let below = index - this.live.length;
    for (const page of this.pages) {
      if (below < page.size) return page.rows?.[below];
      below -= page.size;
    }
    return undefined;
  }

  /** The page that a row is of, or would be. */
  pageOf(index: number): number {
    let below = index - this.live.length;
    for (let i = 0; i < this.pages.length - 1; i++) {
      if (below < this.pages[i]!.size) return i;
      below -= this.pages[i]!.size;
    }
    return this.pages.length - 1;
  }

  /** With so many rows as it has become, if rows have come into its midst. */
  pathOf(index: number, rows: number): string {
    const { path } = this.pages[index]!;
    return path.replace(/([?&]limit=)(\d+)/, (_, name: string, limit: string) => name + Math.min(ROWS_MAX, Math.max(Number(limit), rows)));
  }

  /** The first row of a page. */
  startOf(index: number): number {
    return index === 0 ? 0 : this.pages.slice(0, index).reduce((n, page) => n + page.size, this.live.length);
  }

  take(index: number, rows: Row[], next: string | null): void {
    const page = this.pages[index]!;
    const elsewhere = this.known(page);
    const last = index === this.pages.length - 1;
    page.rows = rows.filter((row) => !elsewhere.has(keyOf(row)));
    page.size = page.rows.length;
    if (index === 0 && rows[0] && rows[0].received_at > this.newest) this.newest = rows[0].received_at;
    if (!last) return;
    this.ended = !next;
    if (next) this.pages.push({ path: next, behind: rows[rows.length - 1], rows: null, size: 0, loading: false });
  }

  /** What is far from these pages is fetched again when it comes into sight. */
  forget(from: number, to: number): void {
    this.pages.forEach((page, i) => {
      if ((i < from || i > to) && i < this.pages.length - 1) page.rows = null;
    });
  }

  private known(but: Page): Set<string> {
    return new Set([this.held, this.live, ...this.pages.filter((p) => p !== but).map((p) => p.rows ?? [])].flatMap((list) => list.map(keyOf)));
  }

  // --- by time, newest first ------------------------------------------------------------------
  /** A row that fits, as it is now: in the place of what was known of it, or where it belongs. */
  put(row: Row): void {
    if (this.replace(row)) return;
    if (this.isNewest(row)) {
      this.held.push(row);
      this.held.sort((a, b) => (a.received_at < b.received_at ? 1 : -1));
      return;
    }
    const lists = [this.live, ...this.pages.map((p) => p.rows)];
    for (const [i, list] of lists.entries()) {
      const at = list?.findIndex((r) => r.received_at < row.received_at) ?? -1;
      if (!list || at < 0) continue;
      // At the head of a page behind one that was forgotten: it may be of that one, and comes when it is fetched.
      if (at > 0 || lists[i - 1]) list.splice(at, 0, row);
      this.resize();
      return;
    }
    // Older than all that was fetched: it is among what comes, if anything does.
    const end = this.pages[this.pages.length - 1]!;
    if (this.ended) end.rows?.push(row);
    this.resize();
  }

  private isNewest(row: Row): boolean {
    if (this.live[0]) return row.received_at > this.live[0].received_at;
    const page = this.pages.find((p) => p.size > 0);
    if (!page) return true;
    return row.received_at > (page.rows?.[0]?.received_at ?? this.newest);
  }

  private replace(row: Row): boolean {
    const key = keyOf(row);
    for (const list of [this.live, this.held, ...this.pages.map((p) => p.rows ?? [])]) {
      const at = list.findIndex((r) => r.interaction_id === row.interaction_id && keyOf(r) === key);
      if (at < 0) continue;
      const before = list[at]!;
      const own = Object.fromEntries(IDENTIFIERS.map((name) => [name, before[name] ?? row[name]]));
      list[at] = { ...before, ...row, ...own };
      return true;
    }
    return false;
  }

  /** A page that was asked for again: what it does not name any more is gone. Says which. Rows of the
   *  millisecond at either end stay, as there the order is not told by the time alone; and so do those that were
   *  told of since it was asked for: they are newer than the answer. */
  agree(index: number, rows: Row[], more: boolean, told: ReadonlySet<string> = new Set()): string[] {
    const { behind } = this.pages[index]!;
    const end = more ? rows[rows.length - 1] : undefined;
    const there = new Set(rows.map(keyOf));
    const gone: string[] = [];
    const stays = (row: Row) => {
      const within = (!behind || row.received_at < behind.received_at) && (!end || row.received_at > end.received_at);
      if (!within || there.has(keyOf(row)) || told.has(keyOf(row))) return true;
      gone.push(keyOf(row));
      return false;
    };
    this.live = this.live.filter(stays);
    this.held = this.held.filter(stays);
    for (const page of this.pages) if (page.rows) page.rows = page.rows.filter(stays);
    this.resize();
    for (const row of rows) if (!told.has(keyOf(row))) this.put(row);
    return gone;
  }

  release(): void {
    this.live = [...this.held, ...this.live];
    this.held = [];
  }

  private resize(): void {
    for (const page of this.pages) if (page.rows) page.size = page.rows.length;
  }
}
