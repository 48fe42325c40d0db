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

/** What is said better than its status says it. */
const OF_CODES: Record<string, [title: string, what: string]> = {
  "no-verdict": ["No verdict in time", "The document was handed to the validators, and none had judged it when the time for an answer was over: it is large, or they have much to do. Nothing of it was kept. Validate it again in a while; or judge a part of it, or, without the hub, all of it by fhir-validate."],
  "guide-unknown": ["No such guide", "No validator has a guide of that version loaded. The page Guides shows which there are; without a version it is judged as the document says."],
};

export function ErrorNotice({ error, retry }: { error: Error; retry?: () => void }) {
  const status = error instanceof ApiError ? error.status : -1;
  const [title, what] = (error instanceof ApiError && OF_CODES[error.code]) || [WORDS[status] ?? "That did not work", error.message];
  return (
    <div class="notice bad" role="alert">
      <Icon name="alert" />
      <div>
        <strong>{title}</strong>
        <div><Text value={what} lines /></div>
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
