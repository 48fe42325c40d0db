import { useState } from "preact/hooks";
import type { Session } from "../api.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { firstText, keep, wrongName } from "./drafts.ts";

interface Props {
  session: Session;
  picked: string | null;
  taken: string[];
  onMade: (name: string) => void;
  onClose: () => void;
}

/** A set begins as a draft: it is in force when it is published. */
export function NewSet({ session, picked, taken, onMade, onClose }: Props) {
  const [wrong, setWrong] = useState<string | null>(null);
  const mine = session.tenants === "*" ? null : session.tenants;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const name = String(data.get("name") ?? "").trim();
    const tenants = mine ? data.getAll("tenant").map(String) : String(data.get("tenants") ?? "").split(/[\s,]+/).filter(Boolean);
    const why = wrongName(name, taken) ?? (mine && !tenants.length ? "Choose at least one tenant: a set for everybody is for who administers for everybody." : null);
    setWrong(why);
    if (why) return;
    keep(name, { text: firstText(name, String(data.get("about") ?? "").trim(), tenants), base: 0 });
    onMade(name);
  };
  return (
    <Dialog title="New rule set" onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <label>Name<input name="name" required maxLength={100} autocomplete="off" spellcheck={false} /></label>
        <label>What it is for<input name="about" maxLength={400} autocomplete="off" /></label>
        {mine ? (
          <fieldset class="stack"><legend>For</legend>{mine.map((t) => <label class="check" key={t}><input type="checkbox" name="tenant" value={t} defaultChecked={mine.length === 1 || t === picked} /><bdi>{t}</bdi></label>)}</fieldset>
        ) : <label>For these tenants, by comma (empty: for everybody)<input name="tenants" defaultValue={picked ?? ""} autocomplete="off" spellcheck={false} /></label>}
        {wrong && <p class="notice bad" role="alert">{wrong}</p>}
        <p class="soft">It is in force when it is published, not before.</p>
        <div class="dialog-foot"><button type="button" onClick={onClose}>Close</button><button type="submit" class="primary">Begin</button></div>
      </form>
    </Dialog>
  );
}
