import { replaced } from "../api.ts";
import { Store } from "../store.ts";

/** What was edited and is not published: kept while the page is open, whatever else is looked at meanwhile. */
export interface Draft {
  text: string;
  /** the version that was edited; 0: none, it is a new set or takes the place of what is built in */
  base: number;
}

export const drafts = new Store<ReadonlyMap<string, Draft>>(new Map());

export function keep(name: string, draft: Draft): void {
  drafts.set(new Map(drafts.value).set(name, draft));
}

export function discard(name: string): void {
  const next = new Map(drafts.value);
  next.delete(name);
  drafts.set(next);
}

/** The one way that would lose them: the browser asks. */
if (typeof addEventListener === "function")
  addEventListener("beforeunload", (event) => {
    if (drafts.value.size && !replaced.value) event.preventDefault();
  });

/** May it be the name of a set? Null: yes; else why not. */
export function wrongName(name: string, taken: string[]): string | null {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) return "A name is of letters, digits, '.', '_' and '-', and begins with one of the former.";
  return taken.includes(name) ? "There is a set of that name." : null;
}

/** Where one begins: for these tenants, or (none) for everybody. */
export function firstText(name: string, about: string, tenants: string[]): string {
  return JSON.stringify({ name, ...(about ? { about } : {}), ...(tenants.length ? { tenants } : {}), diagnostics: [], dispositions: [], transforms: [] }, null, 2);
}

/** Whether somebody with these tenants may publish it: everybody's sets are for who administers for everybody. */
export function mayChange(mine: string[] | "*", object: unknown): boolean {
  if (mine === "*") return true;
  const named = (object as { tenants?: unknown } | null)?.tenants;
  return Array.isArray(named) && named.length > 0 && named.every((t) => mine.includes(String(t)));
}
