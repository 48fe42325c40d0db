import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Again, attended } from "./again.ts";
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
  const [again] = useState(() => new Again());
  useEffect(() => () => again.stop(), [key]);
  useEffect(() => {
    again.hold();
    if (key === null) return;
    const abort = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    latest.current(abort.signal).then(
      (data) => {
        if (abort.signal.aborted) return;
        again.done();
        setState({ data, error: null, loading: false });
      },
      (error) => {
        if (abort.signal.aborted) return;
        again.after((error as ApiError).status, reload);
        setState((old) => ({ ...old, error, loading: false }));
      },
    );
    return () => {
      abort.abort();
      again.hold();
    };
  }, [key, turn]);
  // Whoever signs in again finds what was refused him as the session ended.
  const refused = state.error?.status === 401;
  useEffect(() => (refused ? access.watch((now) => now.state === "in" && reload()) : undefined), [refused, reload]);
  return { ...state, reload };
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
