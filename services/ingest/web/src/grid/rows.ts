import { ApiError, ask } from "../api.ts";
import { type Changes, type PageOfRows, type Row, interactions, withQuery } from "../data.ts";
import { attended } from "../useAsk.ts";
import { keyOf, listPath } from "./view.ts";

/** The rows of one view, fetched page after page as they come into sight. A page far from sight is
 *  forgotten and fetched again by its own cursor, so that a million rows cost what some thousand do. */
const PAGE = 100;
const KEPT_PAGES = 60;
/** The hub answers as soon as something changes, or after so long. */
const WAIT_S = 20;
/** Between two answers: many changes come as one. */
const PAUSE_MS = 300;

interface Page {
  path: string;
  rows: Row[] | null;
  loading: boolean;
}

export class Rows {
  private pages: Page[] = [];
  private live: Row[] = [];
  private held: Row[] = [];
  private ended = false;
  private readonly stop = new AbortController();
  private following: AbortController | null = null;
  private seen = { first: 0, last: 0 };
  estimate: number | null = null;
  exact = false;
  error: ApiError | null = null;
  fresh = new Set<string>();
  /** whoever draws them is told */
  changed: () => void = () => {};

  constructor(
    private readonly filters: Record<string, string>,
    sort: string,
  ) {
    this.pages.push({ path: listPath(filters, sort, PAGE), rows: null, loading: false });
    void this.load(0);
  }

  close(): void {
    this.unfollow();
    this.stop.abort();
  }

  get complete(): boolean {
    return this.ended;
  }

  get waiting(): boolean {
    return this.pages.some((p) => p.loading);
  }

  get loadedRows(): number {
    const last = this.pages.length - 1;
    const tail = this.pages[last]!.rows?.length ?? 0;
    return this.live.length + last * PAGE + tail;
  }

  /** Rows to scroll through: behind the last one known there is room for those that come. */
  get count(): number {
    return this.ended ? this.loadedRows : this.loadedRows + 20;
  }

  /** New rows that wait for the reader to be at the top. */
  get heldCount(): number {
    return this.held.length;
  }

  at(index: number): Row | undefined {
    if (index < this.live.length) return this.live[index];
    const below = index - this.live.length;
    return this.pages[Math.floor(below / PAGE)]?.rows?.[below % PAGE];
  }

  sight(first: number, last: number): void {
    this.seen = { first, last };
    const from = Math.max(0, Math.floor((first - this.live.length) / PAGE));
    const to = Math.max(0, Math.floor((last - this.live.length + 40) / PAGE));
    for (let i = from; i <= Math.min(to, this.pages.length - 1); i++) if (!this.pages[i]!.rows) void this.load(i);
    if (first === 0 && this.held.length) this.release();
    if (this.pages.length > KEPT_PAGES)
      this.pages.forEach((page, i) => {
        if (page.rows && (i < from - KEPT_PAGES / 2 || i > to + KEPT_PAGES / 2) && i < this.pages.length - 1) page.rows = null;
      });
  }

  retry(): void {
    this.error = null;
    const missing = this.pages.findIndex((p) => !p.rows);
    if (missing >= 0) void this.load(missing);
  }

  private async load(index: number): Promise<void> {
    const page = this.pages[index]!;
    if (page.loading) return;
    page.loading = true;
    this.changed();
    try {
      this.take(index, page, await interactions(page.path, this.stop.signal));
    } catch (error) {
      if (this.stop.signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError(0, "failed", String(error));
    } finally {
      page.loading = false;
    }
    if (!this.stop.signal.aborted) this.changed();
  }

  private take(index: number, page: Page, answer: PageOfRows): void {
    this.error = null;
    page.rows = answer.interactions;
    if (index === 0 && answer.estimate !== undefined) {
      this.estimate = answer.estimate;
      this.exact = Boolean(answer.exact);
    }
    if (index !== this.pages.length - 1) return;
    if (!answer.next) {
      this.ended = true;
      return;
    }
    this.pages.push({ path: answer.next, rows: null, loading: false });
    const bottom = this.live.length + (this.pages.length - 1) * PAGE;
    if (this.seen.last + 40 >= bottom) void this.load(this.pages.length - 1);
  }

  // --- live -----------------------------------------------------------------------------------
  async follow(): Promise<void> {
    if (this.following) return;
    const { signal } = (this.following = new AbortController());
    let after: number | undefined;
    while (!signal.aborted) {
      if (!attended()) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        continue;
      }
      try {
        const { to: _to, ...filters } = this.filters;
        const answer: Changes = await ask(withQuery("/interactions/changes", { ...filters, after, wait: after === undefined ? undefined : WAIT_S }), { signal });
        after = answer.after;
        if (signal.aborted) return;
        if (answer.interactions.length) this.merge(answer.interactions);
        if (!answer.more) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      } catch {
        if (signal.aborted) return;
        await new Promise((resolve) => setTimeout(resolve, 3000));
      }
    }
  }

  unfollow(): void {
    this.following?.abort();
    this.following = null;
  }

  private merge(rows: Row[]): void {
    for (const row of rows) if (!this.replace(row)) this.held.unshift(row);
    this.held.sort((a, b) => (a.received_at < b.received_at ? 1 : -1));
    if (this.seen.first === 0) this.release();
    this.changed();
  }

  private replace(row: Row): boolean {
    const key = keyOf(row);
    for (const list of [this.live, this.held, ...this.pages.map((p) => p.rows ?? [])]) {
      const at = list.findIndex((r) => r.interaction_id === row.interaction_id && keyOf(r) === key);
      if (at >= 0) {
        list[at] = { ...list[at], ...row };
        return true;
      }
    }
    const top = this.live[0] ?? this.pages[0]?.rows?.[0];
    // A change of a row that is further down than what was fetched: it comes as it is now when it is fetched.
    return top !== undefined && row.received_at < top.received_at;
  }

  release(): void {
    this.fresh = new Set(this.held.map(keyOf));
    this.live = [...this.held, ...this.live];
    this.held = [];
    this.changed();
  }
}
