import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Confirm } from "./Dialog.tsx";
import { Icon } from "./Icon.tsx";

interface Props {
  /** what is revealed: "identifiers", "texts" */
  what: string;
  title: string;
  small?: boolean;
  children: ComponentChildren;
  onReveal: () => void;
}

/** Asks before; the hub records each time. For whoever has the right alone. */
export function Reveal({ what, title, small, children, onReveal }: Props) {
  const [asking, setAsking] = useState(false);
  return (
    <>
      <button type="button" class={small ? "small" : undefined} onClick={() => setAsking(true)}><Icon name="eye" />Reveal {what}…</button>
      {asking && <Confirm title={title} act="Reveal" onClose={() => setAsking(false)} run={async () => onReveal()}>{children}</Confirm>}
    </>
  );
}

/** Texts that quote what senders say of patients. */
export function RevealTexts({ small, revealed, session, onReveal }: { small?: boolean; revealed: boolean; session: { rights: { reveal: boolean } }; onReveal: () => void }) {
  if (revealed) return <span class="badge warn">revealed</span>;
  return (
    <>
      <span class="badge mute">masked</span>
      {session.rights.reveal && (
        <Reveal what="texts" title="Reveal what the texts quote?" small={small ?? false} onReveal={onReveal}>
          <p>They may say what a sender says about a patient. They are shown as they are until this page is left. Who revealed them and when goes on record.</p>
        </Reveal>
      )}
    </>
  );
}
