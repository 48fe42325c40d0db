import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, access } from "./api.ts";

export interface Asked<T> {
  data: T | null;
  error: ApiError | null;
  loading: boolean;
  reload: () => void;
}

/** Asks when `key` changes (null: not at all) and keeps the last answer until the next one is there. */
export function useAsk<T>(key: string | null, question: (signal: AbortSignal) => Promise<T>): Asked<T> {
  const [state, setState] = useState<{ data: T | null; error: ApiError | null; loading: boolean }>({ data: null, error: null, loading: key !== null });
  const [turn, setTurn] = useState(0);
  const latest = useRef(question);
  latest.current = question;
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  useEffect(() => {
    if (key === null) return;
    const abort = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    latest.current(abort.signal).then(
      (data) => !abort.signal.aborted && setState({ data, error: null, loading: false }),
      (error) => !abort.signal.aborted && setState((old) => ({ ...old, error, loading: false })),
    );
    return () => abort.abort();
  }, [key, turn]);
  // Whoever signs in again finds what was refused him as the session ended.
  const refused = state.error?.status === 401;
  useEffect(() => (refused ? access.watch((now) => now.state === "in" && reload()) : undefined), [refused, reload]);
  return { ...state, reload };
}

let lastSign = Date.now();
for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) addEventListener(kind, () => (lastSign = Date.now()), { passive: true, capture: true });

/** Whether somebody looks at the page. Left alone it stops asking, so that its session can end. */
export function attended(): boolean {
  return !document.hidden && Date.now() - lastSign < 10 * 60_000;
}

/** Runs `act` every `ms` while `on`, never twice at once, not while nobody looks. */
export function useEvery(ms: number, on: boolean, act: () => Promise<unknown> | void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    if (!on) return;
    let stopped = false;
    let timer = 0;
    const turn = async () => {
      if (attended()) await Promise.resolve(latest.current()).catch(() => undefined);
      if (!stopped) timer = window.setTimeout(turn, ms);
    };
    timer = window.setTimeout(turn, ms);
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [ms, on]);
}
