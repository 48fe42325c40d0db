import { useRef, useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import type { Session } from "../api.ts";
import { type RuleSet, type Tried, publishRules, retireRules, rules, tryRules } from "../data.ts";
import { count, second } from "../format.ts";
import { Diff } from "../json/Diff.tsx";
import { Editor, type EditorHandle } from "../json/Editor.tsx";
import { Confirm, Dialog } from "../parts/Dialog.tsx";
import { Answer, Empty, ErrorNotice, Panel } from "../parts/Panel.tsx";
import { RevealTexts } from "../parts/Reveal.tsx";
import { Text } from "../parts/Text.tsx";
import { change, place } from "../place.ts";
import { NewSet } from "../rules/NewSet.tsx";
import { TriedTable } from "../rules/Tried.tsx";
import { discard, drafts, keep, mayChange } from "../rules/drafts.ts";
import { useStore } from "../store.ts";
import { useAsk } from "../useAsk.ts";

/** One that only a draft is known of. */
const isNew = (set: RuleSet): boolean => set.version === 0 && !set.builtin;

const versionOf = (set: RuleSet): string => (isNew(set) ? "not published" : set.builtin ? "built in" : `version ${count(set.version)}`);

function Edit({ set, session, onPublished }: { set: RuleSet; session: Session; onPublished: () => void }) {
  const before = isNew(set) ? "" : JSON.stringify(set.object, null, 2);
  const editor = useRef<EditorHandle>(null);
  const draft = useStore(drafts).get(set.name);
  const [first] = useState(draft?.text ?? before);
  const [tried, setTried] = useState<{ answer: Tried; asked: number; revealed: boolean } | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const [comparing, setComparing] = useState<string | null>(null);
  const [publishing, setPublishing] = useState<string | null>(null);
  const [retiring, setRetiring] = useState(false);
  const comment = useRef<HTMLInputElement>(null);
  const may = session.rights.administer;
  const own = isNew(set) || mayChange(session.tenants, set.object);
  const edited = () => {
    const text = editor.current!.text();
    if (!isNew(set) && text === before) discard(set.name);
    else keep(set.name, { text, base: draft?.base ?? set.version });
    setTried(null);
  };
  const restore = () => {
    if (!isNew(set)) editor.current!.set(before);
    discard(set.name);
  };
  const tries = useRef<HTMLFormElement>(null);
  const attempt = async (reveal: boolean) => {
    const data = new FormData(tries.current!);
    const ids = [...new Set(String(data.get("ids") ?? "").split(/[\s,]+/).filter(Boolean))];
    setBusy(true);
    setError(null);
    try {
      setTried({ answer: await tryRules(set.name, editor.current!.text(), ids, Number(data.get("last")) || 20, reveal), asked: ids.length, revealed: reveal });
    } catch (e) {
      setError(e as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="stack">
      <div class="rules-editor"><Editor first={first} label={`Rules ${set.name}`} readOnly={!may} handle={editor} onChange={edited} /></div>
      {draft && <p class="notice info"><span>{isNew(set) ? "A new set, not published yet." : "Edited, not published yet."}{draft.base !== set.version && ` It was begun on version ${count(draft.base)}, and another one is in force now: publishing is refused. Compare, keep what you want of it elsewhere, and discard.`} It is kept until this page is closed. <button type="button" class="link" onClick={restore}>Discard it</button></span></p>}
      {may && !own && <p class="notice info"><span>It is not of your tenants alone, so you may try it, and not publish it. <em>New rule set</em> makes one that is.</span></p>}
      <form class="row-end" ref={tries} onSubmit={(e) => { e.preventDefault(); void attempt(false); }}>
        <label>Try on the last<input name="last" type="number" min="1" max="50" defaultValue="20" /></label>
        <label class="grow">or on these interactions<input name="ids" placeholder="ids, by comma" spellcheck={false} /></label>
        {may && <button type="submit" disabled={busy}>{busy ? "Trying…" : "Dry run"}</button>}
        {!isNew(set) && <button type="button" onClick={() => setComparing(editor.current!.text())}>Compare with what is in force</button>}
        {may && own && set.version > 0 && <button type="button" onClick={() => setRetiring(true)}>Retire…</button>}
        {may && own && <button type="button" class="primary" disabled={!draft} onClick={() => setPublishing(editor.current!.text())}>Publish…</button>}
      </form>
      {error && <ErrorNotice error={error} />}
      {tried?.answer.tried.some((t) => t.changes.length > 0) && <div class="row"><RevealTexts small revealed={tried.revealed} session={session} onReveal={() => void attempt(true)} /></div>}
      {tried && <TriedTable tried={tried.answer} asked={tried.asked} onLine={(line) => editor.current!.goTo(line)} />}
      {comparing !== null && <Dialog wide title={`${set.name}: in force, and here`} onClose={() => setComparing(null)}><div class="diff-box"><Diff before={before} after={comparing} labels={["In force", "Here"]} /></div></Dialog>}
      {publishing !== null && (
        <Confirm title={`Publish ${set.name}?`} act="Publish" onClose={() => setPublishing(null)} run={async () => { await publishRules(set.name, publishing, draft?.base ?? set.version, comment.current?.value.trim() ?? ""); discard(set.name); onPublished(); }}>
          <p>The next document that comes in is decided by it, at every worker. What was told before stays as it was. It {isNew(set) ? "is new" : <>replaces {set.builtin ? "what is built in" : `version ${count(set.version)}`}</>} and goes on record with your name.</p>
          <label>Why<input ref={comment} maxLength={400} placeholder="kept with it" autocomplete="off" /></label>
          {!tried && <p class="notice warn">It was not tried on real interactions yet.</p>}
        </Confirm>
      )}
      {retiring && (
        <Confirm title={`Retire ${set.name}?`} act="Retire" danger onClose={() => setRetiring(false)} run={async () => { await retireRules(set.name, set.version, comment.current?.value.trim() ?? ""); if (draft) keep(set.name, { ...draft, base: 0 }); onPublished(); }}>
          <p>Version {count(set.version)} is out of force for the next document that comes in{set.name === "default" && ", and what is built in takes its place"}. What was told before stays as it was. It goes on record with your name; the set is not kept here, so copy what you may want to publish again.</p>
          <label>Why<input ref={comment} maxLength={400} placeholder="goes on record" autocomplete="off" /></label>
        </Confirm>
      )}
    </div>
  );
}

export default function Rules({ session }: PageProps) {
  const { query } = useStore(place);
  const asked = useAsk("rules", rules);
  const edited = useStore(drafts);
  const [making, setMaking] = useState(false);
  return (
    <div class="page">
      <div class="page-head"><h1>Rules</h1><span class="spring" />{session.rights.administer && <button type="button" onClick={() => setMaking(true)}>New rule set…</button>}<button type="button" onClick={asked.reload}>Refresh</button></div>
      <Answer asked={asked}>
        {(data) => {
          const made = [...edited.keys()].filter((name) => !data.rules.some((r) => r.name === name));
          const sets = [...data.rules, ...made.map((name): RuleSet => ({ name, version: 0, about: null, disabled: false, object: {} }))];
          const chosen = sets.find((r) => r.name === query.get("name")) ?? sets[0];
          return (
            <div class="side">
              <Panel title="Rule sets" flush>
                {making && <NewSet session={session} picked={query.get("tenant")} taken={sets.map((s) => s.name)} onClose={() => setMaking(false)} onMade={(name) => { setMaking(false); change({ name }); }} />}
                {sets.length === 0 && <div class="panel-body"><Empty>None is in force.</Empty></div>}
                <ul class="pick">
                  {sets.map((r) => (
                    <li key={r.name}>
                      <button type="button" aria-current={r === chosen ? "true" : undefined} onClick={() => change({ name: r.name })}>
                        <strong><Text value={r.name} max={60} brief /></strong><span class="soft">{versionOf(r)}{r.disabled && ", out of force"}{edited.has(r.name) && !isNew(r) && ", edited"}</span>
                        {r.about && <span class="soft about"><Text value={r.about} max={160} brief /></span>}
                      </button>
                    </li>
                  ))}
                </ul>
                {data.destinations.length > 0 && <div class="panel-body"><h3>Destinations</h3><ul>{data.destinations.map((d) => <li key={d.name}><Text value={d.name} max={60} brief /></li>)}</ul></div>}
              </Panel>
              {chosen && <Panel title={chosen.name} more={<span class="soft">{versionOf(chosen)}{chosen.published_at && `, ${second(chosen.published_at)} UTC`}{chosen.published_by && <> by <Text value={chosen.published_by} max={60} brief /></>}{chosen.comment && <>: <Text value={chosen.comment} max={200} brief /></>}</span>}>{chosen.object === null ? <Empty>It names other tenants too, so its text is not shown to you.</Empty> : <Edit key={`${chosen.name} ${chosen.version}`} set={chosen} session={session} onPublished={asked.reload} />}</Panel>}
            </div>
          );
        }}
      </Answer>
    </div>
  );
}
