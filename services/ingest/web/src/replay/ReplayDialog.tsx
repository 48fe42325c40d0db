import { useState } from "preact/hooks";
import { type Replay, type ReplayOrder, cancelReplay, orderReplay, replayStatus } from "../data.ts";
import { count, second } from "../format.ts";
import { Badge } from "../parts/Badge.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { ErrorNotice } from "../parts/Panel.tsx";
import { address } from "../place.ts";
import { Link } from "../parts/Link.tsx";
import { useEvery } from "../useAsk.ts";

/** What is to be replayed: some, or all of a time that are in a state, or records of the dead-letter topic. */
export interface What {
  ids?: string[];
  state?: string;
  since?: string | undefined;
  until?: string | undefined;
  offsets?: string;
}

const AIMS: [ReplayOrder["to"], string, string][] = [
  ["validate", "Judge again", "A new verdict beside the old one. Nothing is handed on."],
  ["submit", "Hand on to the lake", "What failed goes to the data lake once more. A document that was taken cannot be taken back."],
  ["store", "Store again", "The record is made anew from the topic. Nothing is judged or handed on."],
];

export const isOver = (state: string): boolean => !["running", "ordered", "waiting", "asked"].includes(state);

export function Counts({ replay }: { replay: Replay }) {
  const parts: [string, number | undefined][] = [
    ["superseded by a newer version", replay.superseded], ["taken by the lake already", replay.accepted], ["no longer kept", replay.purged], ["passed over", replay.skipped], ["unreadable", replay.unreadable],
  ];
  const shown = parts.filter(([, n]) => n);
  return (
    <dl class="facts">
      <div><dt>Found</dt><dd>{count(replay.total)}</dd></div>
      <div><dt>Replayed</dt><dd>{count(replay.published)}</dd></div>
      {shown.map(([name, n]) => <div key={name}><dt>{name}</dt><dd>{count(n)}</dd></div>)}
    </dl>
  );
}

export function Progress({ replay }: { replay: Replay }) {
  const done = replay.published + replay.superseded + replay.accepted + replay.purged + replay.skipped + replay.unreadable;
  const share = replay.total ? Math.min(100, (100 * done) / replay.total) : isOver(replay.state) ? 100 : 0;
  return (
    <div class="progress" role="progressbar" aria-label="Progress" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share)}>
      <div style={{ width: `${share}%` }} />
    </div>
  );
}

export function Report({ replay }: { replay: Replay }) {
  const r = replay.report;
  if (!r || !r.judged) return null;
  return (
    <dl class="facts">
      <div><dt>Judged anew</dt><dd>{count(r.judged)}</dd></div>
      <div><dt>Differ</dt><dd>{count(r.changed)}</dd></div>
      <div><dt>Now valid</dt><dd class="good-text">{count(r.now_valid)}</dd></div>
      <div><dt>Now invalid</dt><dd class={r.now_invalid ? "bad-text" : undefined}>{count(r.now_invalid)}</dd></div>
      <div><dt>Other disposition</dt><dd>{count(r.other_disposition)}</dd></div>
      <div><dt>Issues gone / new</dt><dd>{count(r.issues_gone)} / {count(r.issues_added)}</dd></div>
    </dl>
  );
}

/** A replay that was started: how far it is, cancel, and the way to its page. */
export function Running({ first, onClose }: { first: Replay; onClose?: () => void }) {
  const [replay, setReplay] = useState(first);
  const [error, setError] = useState<Error | null>(null);
  const over = isOver(replay.state);
  const look = async () => setReplay(await replayStatus(replay.replay_id));
  useEvery(1000, !over, look);
  const cancel = () => cancelReplay(replay.replay_id).then((r) => setReplay({ ...replay, ...r }), setError);
  return (
    <div class="stack" aria-live="polite">
      <div class="row"><Badge word={replay.state} /><span class="id">{replay.replay_id}</span></div>
      <Progress replay={replay} />
      <Counts replay={replay} />
      <Report replay={replay} />
      {error && <ErrorNotice error={error} />}
      <div class="dialog-foot">
        <Link class="button" to={address(`/replays`, { id: replay.replay_id })} {...(onClose ? { onGo: onClose } : {})}>Its page</Link>
        {!over && <button type="button" class="danger" onClick={() => void cancel()}>Cancel the replay</button>}
      </div>
    </div>
  );
}

function describe(what: What): string {
  if (what.offsets) return "records of the dead-letter topic";
  if (what.ids) return what.ids.length === 1 ? "one interaction" : `${count(what.ids.length)} interactions`;
  return `all that are ${what.state === "FAIL" ? "failed" : what.state} since ${second(what.since)}${what.until ? ` until ${second(what.until)}` : ""}`;
}

/** Dry run first: what would happen is shown, then it can be done. */
export function ReplayDialog({ what, tenant, onClose }: { what: What; tenant: string | null; onClose: () => void }) {
  const [to, setTo] = useState<ReplayOrder["to"]>("validate");
  const [resubmit, setResubmit] = useState(false);
  const [superseded, setSuperseded] = useState(false);
  const [rate, setRate] = useState("");
  const [dry, setDry] = useState<Replay | null>(null);
  const [run, setRun] = useState<Replay | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);

  const order = (dryRun: boolean): ReplayOrder => ({
    to, dry_run: dryRun, from: what.offsets ? "dlq" : "store",
    ...(what.ids ? { ids: what.ids } : {}), ...(what.state ? { state: what.state } : {}), ...(what.since ? { since: what.since } : {}),
    ...(what.until ? { until: what.until } : {}), ...(what.offsets ? { offsets: what.offsets } : {}), ...(tenant ? { tenant } : {}),
    ...(resubmit ? { resubmit } : {}), ...(superseded ? { include_superseded: true } : {}), ...(Number(rate) > 0 ? { rate: Number(rate) } : {}),
  });
  const ask = async (dryRun: boolean) => {
    setBusy(true);
    setError(null);
    try {
      (dryRun ? setDry : setRun)(await orderReplay(order(dryRun)));
    } catch (e) {
      setError(e as Error);
    } finally {
      setBusy(false);
    }
  };
  const changed = (act: () => void) => () => {
    act();
    setDry(null);
  };

  return (
    <Dialog title={what.offsets ? "Re-drive" : "Replay"} onClose={onClose}>
      {run ? <Running first={run} onClose={onClose} /> : (
        <form class="stack" onSubmit={(e) => { e.preventDefault(); void ask(dry === null); }}>
          <p>{describe(what)}{tenant ? <> of <bdi>{tenant}</bdi></> : ""}</p>
          <fieldset class="stack">
            <legend>To</legend>
            {AIMS.map(([aim, title, about]) => (
              <label class="check" key={aim}><input type="radio" name="aim" checked={to === aim} onChange={changed(() => setTo(aim))} /><span>{title}<br /><span class="soft">{about}</span></span></label>
            ))}
          </fieldset>
          {to === "submit" && <label class="check"><input type="checkbox" checked={resubmit} onChange={changed(() => setResubmit(!resubmit))} />Also what the lake has taken already</label>}
          {!what.offsets && <label class="check"><input type="checkbox" checked={superseded} onChange={changed(() => setSuperseded(!superseded))} />Also what a newer version has superseded</label>}
          <label>At most so many a second (empty: as fast as it goes)<input type="number" min="1" value={rate} onInput={(e) => { setRate(e.currentTarget.value); setDry(null); }} /></label>
          {dry && <div class="notice info"><div><strong>Dry run: nothing has happened yet.</strong><Counts replay={dry} /></div></div>}
          {error && <ErrorNotice error={error} />}
          <div class="dialog-foot">
            <button type="button" onClick={onClose}>Close</button>
            {dry ? <button type="submit" class={to === "submit" ? "danger" : "primary"} disabled={busy || dry.published === 0}>{busy ? "Working…" : `${to === "submit" ? "Hand on" : "Replay"} ${count(dry.published)}`}</button>
              : <button type="submit" class="primary" disabled={busy}>{busy ? "Working…" : "Dry run"}</button>}
          </div>
        </form>
      )}
    </Dialog>
  );
}
