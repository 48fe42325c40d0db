import { Store } from "./store.ts";

/** The one place that talks to the hub: same origin, JSON, CSRF token, and what its noes mean. */
export interface Session {
  name: string;
  tenants: string[] | "*";
  rights: { read: boolean; reveal: boolean; replay: boolean; administer: boolean };
  expires: string;
  csrf: string;
}

/** For whom one asks a route that answers for one tenant, or (null) for everybody: the one that is picked, or all one has. */
export function tenantsOf(session: Session, picked: string | null): (string | null)[] {
  if (picked) return [picked];
  return session.tenants === "*" ? [null] : session.tenants;
}

export interface SignInWays {
  oidc: boolean;
  local: boolean;
}

/** out: nobody yet; expired: somebody was, and what he looked at waits behind the sign-in. */
export type Access =
  | { state: "asking" }
  | { state: "in"; session: Session }
  | { state: "out"; ways: SignInWays }
  | { state: "expired"; session: Session; ways: SignInWays };

export interface Outage {
  since: Date;
  text: string;
}

export const access = new Store<Access>({ state: "asking" });
/** Somebody else signed in: all that this page holds goes, without a question. */
export const replaced = new Store(false);
export const outage = new Store<Outage | null>(null);

const SESSION = "/admin/api/session";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    text: string,
  ) {
    super(text);
  }
}

export interface Request {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

function currentSession(): Session | null {
  const now = access.value;
  return now.state === "in" || now.state === "expired" ? now.session : null;
}

/** All that is asked says whose page asks: it is answered as that session's, or refused, but as nobody else's. */
function init(request: Request): RequestInit {
  const headers = new Headers(request.headers);
  const method = request.method ?? "GET";
  if (!headers.has("Accept")) headers.set("Accept", "application/json");
  if (request.json !== undefined) headers.set("Content-Type", "application/json");
  const session = currentSession();
  if (session) headers.set("X-CSRF-Token", session.csrf);
  const result: RequestInit = { method, headers, credentials: "same-origin", redirect: "error", cache: "no-store" };
  const body = request.json !== undefined ? JSON.stringify(request.json) : request.body;
  if (body !== undefined) result.body = body;
  if (request.signal) result.signal = request.signal;
  return result;
}

/** What took too long by itself says nothing of the hub. */
const OF_ITSELF = new Set(["no-verdict"]);

/** 0: it could not be reached. */
export function isOutage(status: number, code = ""): boolean {
  return [0, 502, 503, 504].includes(status) && !OF_ITSELF.has(code);
}

/** Who waits for a part that is not there, and asks again: until then the outage goes on, whatever else answers. */
export const awaited = new Set<object>();

export function beBack(): void {
  if (awaited.size === 0) outage.set(null);
}

function beOut(text: string): void {
  outage.set({ since: outage.value?.since ?? new Date(), text });
}

async function readError(answer: Response): Promise<ApiError> {
  let code = `http-${answer.status}`;
  let text = answer.statusText || `HTTP ${answer.status}`;
  try {
    const said = await answer.json();
    if (said?.error) {
      code = String(said.error.code ?? code);
      text = String(said.error.text ?? said.error.message ?? text);
    } else if (said?.message) {
      text = String(said.message);
    }
  } catch {
    /* an error without words of its own */
  }
  return new ApiError(answer.status, code, text);
}

/** Fetches; anything but a 2xx is an ApiError, and who it concerns hears of it. */
export async function fetchAnswer(path: string, request: Request = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, init(request));
  } catch (error) {
    if (request.signal?.aborted) throw error;
    beOut("fhirbus cannot be reached.");
    throw new ApiError(0, "unreachable", "fhirbus cannot be reached.");
  }
  if (answer.ok) {
    beBack();
    return answer;
  }
  const error = await readError(answer);
  if (isOutage(answer.status, error.code)) beOut(`fhirbus is there, but part of it is not: ${error.message}`);
  else beBack();
  if ((answer.status === 401 || error.code === "csrf") && path !== SESSION) await expire();
  throw error;
}

export async function ask<T>(path: string, request: Request = {}): Promise<T> {
  const answer = await fetchAnswer(path, request);
  if (answer.status === 204) return undefined as T;
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** Who is there? Run once at the start, and when a 401 says that nobody is any more. */
export async function findSession(): Promise<void> {
  const before = currentSession();
  try {
    const answer = await fetch(SESSION, { headers: { Accept: "application/json" }, credentials: "same-origin", redirect: "error", cache: "no-store" });
    if (answer.ok) {
      beBack();
      const session = (await answer.json()) as Session;
      // Somebody else: nothing of the one before may stay in this page's memory.
      if (before && before.name !== session.name) {
        replaced.set(true);
        location.reload();
      } else access.set({ state: "in", session });
      return;
    }
    if (answer.status === 401) {
      outage.set(null);
      const said = await answer.json().catch(() => ({}));
      const ways: SignInWays = said.signIn ?? said.error?.signIn ?? { oidc: false, local: true };
      access.set(before ? { state: "expired", session: before, ways } : { state: "out", ways });
      return;
    }
    beOut(`The session could not be looked at (HTTP ${answer.status}).`);
  } catch {
    beOut("fhirbus cannot be reached.");
  }
}

let expiring: Promise<void> | null = null;
function expire(): Promise<void> {
  expiring ??= findSession().finally(() => (expiring = null));
  return expiring;
}

export async function signIn(name: string, password: string): Promise<void> {
  await ask(SESSION, { method: "POST", json: { name, password } });
  await findSession();
}

export function signInElsewhere(): void {
  location.assign(`${SESSION}/oidc?to=${encodeURIComponent(location.pathname + location.search)}`);
}

/** What went wrong, or null: then this page is left. */
export async function signOut(): Promise<string | null> {
  try {
    await ask(SESSION, { method: "DELETE" });
  } catch (error) {
    const ended = error instanceof ApiError && error.status === 401;
    if (!ended) return (error as Error).message;
  }
  location.assign("/admin/diagnostics/");
  return null;
}
