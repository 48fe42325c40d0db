import { useEffect, useRef, useState } from "preact/hooks";
import type { Session } from "../api.ts";
import { type Issue, type One, type Payload, type WhichPayload, payload, payloadPath } from "../data.ts";
import { bytes, count } from "../format.ts";
import { type Shown, Viewer, type ViewerHandle } from "../json/Viewer.tsx";
import { Confirm } from "../parts/Dialog.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Answer } from "../parts/Panel.tsx";
import { useAsk } from "../useAsk.ts";

/** Masked until revealed: revealing is asked for each visit, and recorded by the hub. */
export interface Revealed {
  on: boolean;
  ask: () => void;
}

export function useReveal(): Revealed & { dialog: preact.ComponentChildren } {
  const [on, setOn] = useState(false);
  const [asking, setAsking] = useState(false);
  const dialog = asking && (
    <Confirm title="Reveal the payload?" act="Reveal" onClose={() => setAsking(false)} run={async () => setOn(true)}>
      <p>It holds what a sender says about a patient; the patient's identifiers among the facts are shown, too. Who revealed it and when goes on record.</p>
    </Confirm>
  );
  return { on, ask: () => setAsking(true), dialog };
}

function RevealButton({ session, shown, revealed }: { session: Session; shown: Payload | null; revealed: Revealed }) {
  if (!shown?.masked) return shown ? <span class="badge warn">revealed</span> : null;
  return (
    <>
      <span class="badge mute">masked</span>
      {session.rights.reveal && <button type="button" class="small" onClick={revealed.ask}><Icon name="eye" />Reveal…</button>}
    </>
  );
}

interface Props {
  one: One;
  session: Session;
  tenant: string | null;
  issues: Issue[];
  target: Issue | null;
  revealed: Revealed;
}

const NAMES: Record<WhichPayload, string> = { original: "What was sent", bundle: "The bundle it became", lake: "What went to the lake" };

/** Where an issue is; its line is that of the text as it was sent, which is not the one that is seen in another form. */
function placeIn(issue: Issue, spot: Shown): string {
  const at = `${spot.whole ? "At" : "What is missing belongs into"} ${spot.path}`;
  if (spot.exact || !issue.line) return `${at}, line ${count(spot.line)}`;
  return `${at}, line ${count(spot.line)} (${count(issue.line)} as sent)`;
}

export function PayloadView({ one, session, tenant, issues, target, revealed }: Props) {
  const id = one.interaction.interaction_id;
  const fhir = one.interaction.source_type === "FHIR" || one.interaction.source_type === null;
  const choices: WhichPayload[] = one.interaction.bundle_available ? ["original", "bundle"] : ["original"];
  const [what, setWhat] = useState<WhichPayload>(one.interaction.bundle_available && !fhir ? "bundle" : "original");
  const asked = useAsk(`${id} ${tenant} ${what} ${revealed.on}`, async (signal) => ({ ...(await payload(id, tenant, what, revealed.on, signal)), what }));
  const handle = useRef<ViewerHandle>(null);
  const [said, setSaid] = useState("");
  const of = asked.data?.what;
  useEffect(() => {
    if (!target || of === undefined) return;
    let gone = false;
    void handle.current?.show(target).then((spot) => {
      if (gone) return;
      if (!spot) setSaid("The payload has no place for this issue.");
      else setSaid(placeIn(target, spot));
    });
    return () => {
      gone = true;
    };
  }, [target, of]);
  return (
    <div class="payload">
      <div class="payload-bar">
        {choices.length > 1 ? (
          <select aria-label="Which payload" value={what} onChange={(e) => setWhat(e.currentTarget.value as WhichPayload)}>
            {choices.map((c) => <option key={c} value={c}>{NAMES[c]}</option>)}
          </select>
        ) : <strong>{NAMES[what]}</strong>}
        {asked.data && <span class="soft">{bytes(asked.data.bytes)}</span>}
        <RevealButton session={session} shown={asked.data} revealed={revealed} />
        <span class="spring" />
        <span class="soft small" role="status">{said}</span>
        <a class="button small" href={payloadPath(id, tenant, what, revealed.on, true)} download><Icon name="download" />Download</a>
      </div>
      {asked.data && !asked.error ? <Viewer text={asked.data.text} of={asked.data.what} issues={issues} label="Payload" exact={asked.data.what === "original" ? "As sent" : "Exact"} onForm={() => setSaid("")} handle={handle} /> : <Answer asked={asked}>{() => null}</Answer>}
    </div>
  );
}
