import { Store } from "./store.ts";

/** Where one is: path and query below BASE. Views are saved by keeping the address. */
export const BASE = "/admin/diagnostics";

export interface Place {
  path: string;
  query: URLSearchParams;
}

function read(): Place {
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : "/";
  return { path: path || "/", query: new URLSearchParams(location.search) };
}

/** Whether one is here by "back" (or "forward"): then a page is to be found as it was left. */
export let cameBack = false;

export const place = new Store<Place>(read());
addEventListener("popstate", () => {
  cameBack = true;
  place.set(read());
});

export function address(path: string, query?: Record<string, string | undefined> | URLSearchParams): string {
  const search = query instanceof URLSearchParams ? query : new URLSearchParams();
  if (query && !(query instanceof URLSearchParams))
    for (const [name, value] of Object.entries(query)) if (value) search.set(name, value);
  const text = search.toString();
  return BASE + path + (text ? `?${text}` : "");
}

/** Of entries that were made from a page of these: behind them is another one. */
const HERE = { here: true };

/** Whether "back" stays among these pages; an address that was opened by itself has nothing behind it, or something else. */
export function cameHere(): boolean {
  return Boolean((history.state as typeof HERE | null)?.here);
}

export function go(to: string, how: "push" | "replace" = "push"): void {
  if (how === "push") cameBack = false;
  if (how === "push") history.pushState(HERE, "", to);
  else history.replaceState(history.state, "", to);
  place.set(read());
}

/** Changes some of the query and leaves the rest; undefined or "" takes a name out. */
export function change(values: Record<string, string | undefined>, how: "push" | "replace" = "replace"): void {
  const { path, query } = place.value;
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  go(address(path, next), how);
}
