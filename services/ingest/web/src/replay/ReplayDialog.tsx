import { useState } from "preact/hooks";
import type { Session } from "../api.ts";
import { type Replay, type ReplayOrder, cancelReplay, orderReplay, replayStatus } from "../data.ts";
import { count, second } from "../format.ts";
import { Badge } from "../parts/Badge.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { ErrorNotice } from "../parts/Panel.tsx";
import { address } from "../place.ts";
import { Link } from "../parts/Link.tsx";
import { Text } from "../parts/Text.tsx";
import { useEvery } from "../useAsk.ts";
import { type Part, type What, partsOf } from "./orders.ts";

const AIMS: [ReplayOrder["to"], string, string][] = [
  ["validate", "Judge again", "A new verdict beside the old one. Nothing is handed on."],
  ["submit", "Hand on to the lake", "What failed goes to the data lake once more. A document that was taken cannot be taken back."],
  ["store", "Store again", "The record is made anew from the topic. Nothing is judged or handed on."],
];

export const isOver = (state: string): boolean => !["running", "ordered", "waiting", "asked"].includes(state);

/** Of a dry run `published` is what would be. */
export function Counts({ replay, dry = false }: { replay: Replay; dry?: boolean }) {
  const parts: [string, number | undefined][] = [
    ["superseded by a newer version", replay.superseded], ["taken by the lake already", replay.accepted], ["no longer kept", replay.purged], ["passed over", replay.skipped], ["unreadable", replay.unreadable],
  ];
  const shown = parts.filter(([, n]) => n);
  return (
    <dl class="facts">
      <div><dt>Found</dt><dd>{count(replay.total)}</dd></div>
      <div><dt>{dry ? "Would be replayed" : "Replayed"}</dt><dd>{count(replay.published)}</dd></div>
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

/** A replay that was started: how far it is, cancel, and, in a dialog, the way to its page. `tenant`: whose it is, null: everybody's. */
export function Running({ first, tenant, onClose }: { first: Replay; tenant: string | null; onClose?: () => void }) {
  const [replay, setReplay] = useState(first);
  const [error, setError] = useState<Error | null>(null);
  const over = isOver(replay.state);
  const look = async () => {
    try {
      setReplay(await replayStatus(replay.replay_id, tenant, false));
      setError(null);
    } catch (e) {
      setError(e as Error);
    }
  };
  useEvery(1000, !over, look);
  const cancel = () => cancelReplay(replay.replay_id, tenant).then((r) => setReplay({ ...replay, ...r }), setError);
  return (
    <div class="stack" aria-live="polite">
      <div class="row"><Badge word={replay.state} /><span class="id">{replay.replay_id}</span>{tenant !== null && <span class="soft">of <Text value={tenant} max={60} brief /></span>}</div>
      <Progress replay={replay} />
      <Counts replay={replay} />
      <Report replay={replay} />
      {error && <ErrorNotice error={error} />}
      <div class="dialog-foot">
        {onClose && <Link class="button" to={address(`/replays`, { id: replay.replay_id, of: tenant ?? undefined })} onGo={onClose}>Its page</Link>}
        {!over && <button type="button" class="danger" onClick={() => void cancel()}>Cancel the replay</button>}
      </div>
    </div>
  );
}

function describe(what: What): string {
  if (what.letters) return what.letters.length === 1 ? "One record of the dead-letter topic" : `${count(what.letters.length)} records of the dead-letter topic`;
  if (what.some) return what.some.length === 1 ? "One interaction" : `${count(what.some.length)} interactions`;
  return `All that are ${what.state === "FAIL" ? "failed" : what.state} since ${second(what.since)}${what.until ? ` until ${second(what.until)}` : ""}`;
}

/** Whose they are; of several tenants each gets a replay of its own. */
function Whose({ parts }: { parts: Part[] }) {
  const tenants = [...new Set(parts.map((p) => p.tenant))];
  if (tenants.length === 1 && tenants[0] === undefined) return <> of all tenants</>;
  return <> of {tenants.map((t, i) => <span key={t}>{i > 0 && ", "}{t === undefined ? "nobody" : <Text value={t} max={60} brief />}</span>)}{parts.length > 1 && `: ${count(parts.length)} replays, one for each${tenants.length < parts.length ? " thousand" : ""}`}</>;
}

interface Ordered {
  part: Part;
  replay: Replay;
}

function sum(all: Ordered[]): Replay {
  const total = (name: keyof Replay) => all.reduce((n, { replay }) => n + Number(replay[name] ?? 0), 0);
  return { ...all[0]!.replay, total: total("total"), published: total("published"), superseded: total("superseded"), accepted: total("accepted"), purged: total("purged"), skipped: total("skipped"), unreadable: total("unreadable") };
}

interface DialogProps {
  what: What;
  session: Session;
  /** the one that is picked at the top: for lists; what was chosen has tenants of its own */
  tenant: string | null;
  onClose: () => void;
}

/** Dry run first: what would happen is shown, then it can be done. */
export function ReplayDialog({ what, session, tenant, onClose }: DialogProps) {
  const [to, setTo] = useState<ReplayOrder["to"]>("validate");
  const [resubmit, setResubmit] = useState(false);
  const [superseded, setSuperseded] = useState(false);
  const [rate, setRate] = useState("");
  const [dry, setDry] = useState<Ordered[] | null>(null);
  const [run, setRun] = useState<Ordered[]>([]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [parts] = useState(() => partsOf(what, session, tenant));

  const order = (part: Part, dryRun: boolean): ReplayOrder => ({
    ...part, to, dry_run: dryRun, from: what.letters ? "dlq" : "store",
    ...(resubmit ? { resubmit } : {}), ...(superseded ? { include_superseded: true } : {}), ...(Number(rate) > 0 ? { rate: Number(rate) } : {}),
  });
  const attempt = async (act: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await act();
    } catch (e) {
      setError(e as Error);
    } finally {
      setBusy(false);
    }
  };
  const dryRun = () => attempt(async () => {
    const found: Ordered[] = [];
    for (const part of parts) found.push({ part, replay: await orderReplay(order(part, true)) });
    setDry(found);
  });
  const due = (dry ?? []).filter(({ part, replay }) => replay.published > 0 && !run.some((r) => r.part === part));
  /** Those that were started stay so when a later one is refused; what is left can be tried again. */
  const start = () => attempt(async () => {
    for (const { part } of due) {
      const replay = await orderReplay(order(part, false));
      setRun((before) => [...before, { part, replay }]);
    }
  });
  const changed = (act: () => void) => () => {
    act();
    setDry(null);
  };
  const sums = dry && sum(dry);

  return (
    <Dialog title={what.letters ? "Re-drive" : "Replay"} onClose={onClose}>
      {run.length > 0 ? (
        <div class="stack">
          {run.map(({ part, replay }) => <Running key={replay.replay_id} first={replay} tenant={part.tenant ?? null} onClose={onClose} />)}
          {error && <ErrorNotice error={error} />}
          {due.length > 0 && !busy && <p class="notice warn"><span>{count(due.length)} of {count(run.length + due.length)} were not started. <button type="button" class="small" onClick={() => void start()}>Start the rest</button></span></p>}
        </div>
      ) : (
        <form class="stack" onSubmit={(e) => { e.preventDefault(); void (dry === null ? dryRun() : start()); }}>
          <p>{describe(what)}<Whose parts={parts} /></p>
          <fieldset class="stack">
            <legend>To</legend>
            {AIMS.map(([aim, title, about]) => (
              <label class="check" key={aim}><input type="radio" name="aim" checked={to === aim} onChange={changed(() => setTo(aim))} /><span>{title}<br /><span class="soft">{about}</span></span></label>
            ))}
          </fieldset>
          {to === "submit" && <label class="check"><input type="checkbox" checked={resubmit} onChange={changed(() => setResubmit(!resubmit))} />Also what the lake has taken already</label>}
          {!what.letters && <label class="check"><input type="checkbox" checked={superseded} onChange={changed(() => setSuperseded(!superseded))} />Also what a newer version has superseded</label>}
          <label>At most so many a second (empty: as fast as it goes)<input type="number" min="1" value={rate} onInput={(e) => { setRate(e.currentTarget.value); setDry(null); }} /></label>
          {sums && <div class="notice info"><div><strong>Dry run: nothing has happened yet.</strong><Counts replay={sums} dry />
            {dry.length > 1 && <ul>{dry.map(({ part, replay }, i) => <li key={i}><Text value={part.tenant ?? "nobody's"} max={60} brief />: {count(replay.published)} of {count(replay.total)}</li>)}</ul>}
          </div></div>}
          {error && <ErrorNotice error={error} />}
          <div class="dialog-foot">
            <button type="button" onClick={onClose}>Close</button>
            {sums ? <button type="submit" class={to === "submit" ? "danger" : "primary"} disabled={busy || sums.published === 0}>{busy ? "Working…" : `${to === "submit" ? "Hand on" : "Replay"} ${count(sums.published)}`}</button>
              : <button type="submit" class="primary" disabled={busy}>{busy ? "Working…" : "Dry run"}</button>}
          </div>
        </form>
      )}
    </Dialog>
  );
}
