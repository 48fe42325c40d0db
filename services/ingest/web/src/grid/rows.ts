import { Again, attended } from "../again.ts";
import { ApiError, access, ask } from "../api.ts";
import { type Changes, type PageOfRows, type Row, interactions, withQuery } from "../data.ts";
import { Shelf } from "./shelf.ts";
import { keyOf, listPath } from "./view.ts";

/** The rows of one view, fetched page after page as they come into sight. A page far from sight is
 *  forgotten and fetched again by its own cursor, so that a million rows cost what some thousand do. */
const PAGE = 100;
const KEPT_PAGES = 60;
/** The hub answers as soon as something changes, or after so long. */
const WAIT_S = 20;
/** Between two answers: many changes come as one. */
const PAUSE_MS = 300;
/** What leaves a filtered view is told by nobody: what is in sight is asked for again, so often. */
const LOOK_MS = 3000;

/** With one of these a document may leave the view, or come into its midst. */
const PASSING = ["state", "disposition", "valid", "ig_version", "source_type", "sender", "profile_url", "message_id", "q", "text", "bundle_id"];

export class Rows {
  private readonly shelf: Shelf;
  private readonly stop = new AbortController();
  private readonly unwatch: () => void;
  private following: AbortController | null = null;
  private readonly again = new Again();
  /** told of since a look was begun: newer than what it will say */
  private readonly told = new Set<string>();
  /** whatever happens from here on is told */
  private heard = false;
  private seen = { first: 0, last: 0 };
  estimate: number | null = null;
  exact = false;
  error: ApiError | null = null;
  fresh = new Set<string>();
  /** whoever draws them is told */
  changed: () => void = () => {};
  /** these are in the view no longer */
  gone: (keys: string[]) => void = () => {};

  /** `revealed`: asked for with patients' identifiers as they are, which is recorded each time: not when it is looked again. */
  constructor(
    private readonly filters: Record<string, string>,
    sort: string,
    revealed: boolean,
  ) {
    this.shelf = new Shelf(listPath(revealed ? { ...filters, reveal: "true" } : filters, sort, PAGE));
    // Who signs in again goes on where the session had ended.
    this.unwatch = access.watch((now) => now.state === "in" && this.error?.status === 401 && this.retry());
    void this.load(0);
  }

  close(): void {
    this.unfollow();
    this.unwatch();
    this.again.stop();
    this.stop.abort();
  }

  get complete(): boolean {
    return this.shelf.ended;
  }

  get waiting(): boolean {
    return this.shelf.pages.some((p) => p.loading);
  }

  get loadedRows(): number {
    return this.shelf.length;
  }

  /** Rows to scroll through: behind the last one known there is room for those that come. */
  get count(): number {
    return this.shelf.ended ? this.shelf.length : this.shelf.length + 20;
  }

  /** New rows that wait for the reader to be at the top. */
  get heldCount(): number {
    return this.shelf.held.length;
  }

  at(index: number): Row | undefined {
    return this.shelf.at(index);
  }

  sight(first: number, last: number): void {
    const { pages } = this.shelf;
    this.seen = { first, last };
    const from = this.shelf.pageOf(first);
    const to = this.shelf.pageOf(last + 40);
    for (let i = from; i <= to; i++) if (!pages[i]!.rows) void this.load(i);
    if (first === 0 && this.shelf.held.length) this.release();
    if (pages.length > KEPT_PAGES) this.shelf.forget(from - KEPT_PAGES / 2, to + KEPT_PAGES / 2);
  }

  retry(): void {
    this.error = null;
    const missing = this.shelf.pages.findIndex((p) => !p.rows);
    if (missing >= 0) void this.load(missing);
  }

  private async load(index: number): Promise<void> {
    const page = this.shelf.pages[index]!;
    if (page.loading) return;
    page.loading = true;
    this.changed();
    try {
      this.take(index, await interactions(this.shelf.pathOf(index, page.size), this.stop.signal));
    } catch (error) {
      if (this.stop.signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError(-1, "failed", String(error));
      this.again.after(this.error.status, () => this.retry());
    } finally {
      page.loading = false;
    }
    if (!this.stop.signal.aborted) this.changed();
  }

  private take(index: number, answer: PageOfRows): void {
    this.error = null;
    this.again.done();
    if (index === 0 && answer.estimate !== undefined) {
      this.estimate = answer.estimate;
      this.exact = Boolean(answer.exact);
    }
    const last = index === this.shelf.pages.length - 1;
    this.shelf.take(index, answer.interactions, answer.next);
    if (last && answer.next && this.seen.last + 40 >= this.shelf.length) void this.load(index + 1);
  }

  // --- live: newest first alone, where a row has its place for good ---------------------------
  follow(): void {
    if (this.following) return;
    const { signal } = (this.following = new AbortController());
    this.heard = false;
    this.shelf.forget(this.shelf.pageOf(this.seen.first), this.shelf.pageOf(this.seen.last + 40));
    void this.hear(signal);
    void this.lookAgain(signal);
  }

  /** What is new in the view, or changes there. */
  private async hear(signal: AbortSignal): Promise<void> {
    let after: number | undefined;
    while (!signal.aborted) {
      if (!attended() || access.value.state !== "in") {
        await pause(1000);
        continue;
      }
      try {
        const { to: _to, ...filters } = this.filters;
        const answer: Changes = await ask(withQuery("/interactions/changes", { ...filters, after, wait: after === undefined ? undefined : WAIT_S }), { signal });
        after = answer.after;
        if (signal.aborted) return;
        this.heard = true;
        if (answer.interactions.length) this.merge(answer.interactions);
        if (!answer.more) await pause(PAUSE_MS);
      } catch {
        if (signal.aborted) return;
        await pause(3000);
      }
    }
  }

  /** What is in sight, as it is now: at the beginning, for what happened since it was fetched and is told by nobody;
   *  then, with filters, again and again. */
  private async lookAgain(signal: AbortSignal): Promise<void> {
    const often = PASSING.some((name) => this.filters[name]);
    let looked = false;
    while ((often || !looked) && !signal.aborted) {
      await pause(often ? LOOK_MS : PAUSE_MS);
      if (!this.heard || !attended() || access.value.state !== "in") continue;
      looked = await this.look(signal).catch(() => pause(LOOK_MS).then(() => false));
    }
  }

  private async look(signal: AbortSignal): Promise<boolean> {
    const to = this.shelf.pageOf(this.seen.last);
    let all = true;
    for (let i = this.shelf.pageOf(this.seen.first); i <= to && !signal.aborted; i++) all = (await this.lookAt(i, signal)) && all;
    return all;
  }

  /** False: there is nothing yet to look at. */
  private async lookAt(index: number, signal: AbortSignal): Promise<boolean> {
    const page = this.shelf.pages[index]!;
    if (!page.rows || page.loading) return false;
    const path = this.shelf.pathOf(index, this.seen.last + 40 - this.shelf.startOf(index));
    this.told.clear();
    const answer = await interactions(path.replace(/([?&])reveal=true&?/, "$1"), signal);
    if (signal.aborted) return true;
    const gone = this.shelf.agree(index, answer.interactions, answer.next !== null, this.told);
    if (gone.length) this.gone(gone);
    if (this.seen.first === 0) this.release();
    this.changed();
    return true;
  }

  unfollow(): void {
    this.following?.abort();
    this.following = null;
  }

  private merge(rows: Row[]): void {
    for (const row of rows) {
      this.told.add(keyOf(row));
      this.shelf.put(row);
    }
    if (this.seen.first === 0) this.release();
    this.changed();
  }

  release(): void {
    if (!this.shelf.held.length) return;
    this.fresh = new Set(this.shelf.held.map(keyOf));
    this.shelf.release();
    this.changed();
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
