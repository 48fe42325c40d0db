import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { ApiError, isOutage } from "../api.ts";
import type { Asked } from "../useAsk.ts";
import { Icon } from "./Icon.tsx";
import { Text } from "./Text.tsx";

interface PanelProps {
  title: string;
  children: ComponentChildren;
  more?: ComponentChildren;
  class?: string;
  flush?: boolean;
}

export function Panel({ title, children, more, flush, ...rest }: PanelProps) {
  const id = useId();
  return (
    <section class={`panel ${flush ? "flush" : ""} ${rest.class ?? ""}`} aria-labelledby={id}>
      <header class="panel-head"><h2 id={id}>{title}</h2>{more && <div class="panel-more">{more}</div>}</header>
      <div class="panel-body">{children}</div>
    </section>
  );
}

const WORDS: Record<number, string> = {
  0: "fhirbus cannot be reached",
  403: "Not permitted",
  404: "Not there",
  409: "Changed in the meantime",
  410: "No longer kept",
  429: "Too many requests",
  501: "Not offered",
  503: "Part of fhirbus is not there",
};

export function ErrorNotice({ error, retry }: { error: Error; retry?: () => void }) {
  const status = error instanceof ApiError ? error.status : -1;
  return (
    <div class="notice bad" role="alert">
      <Icon name="alert" />
      <div>
        <strong>{WORDS[status] ?? "That did not work"}</strong>
        <div><Text value={error.message} lines /></div>
        {retry && isOutage(status) && <div>It is asked for again by itself.</div>}
      </div>
      {retry && <button type="button" class="small" onClick={retry}>Try again</button>}
    </div>
  );
}

/** The answer, or that it is on its way, or why there is none. An old answer stays while a new one comes. */
export function Answer<T>({ asked, children }: { asked: Asked<T>; children: (data: T) => ComponentChildren }) {
  return (
    <>
      {asked.error && <ErrorNotice error={asked.error} retry={asked.reload} />}
      {asked.data !== null ? (
        <div class={asked.error ? "stale" : undefined} aria-busy={asked.loading}>{children(asked.data)}</div>
      ) : (
        !asked.error && <p class="waiting" role="status">Loading…</p>
      )}
    </>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
