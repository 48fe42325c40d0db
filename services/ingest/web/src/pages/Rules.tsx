import { useRef, useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import type { Session } from "../api.ts";
import { type RuleSet, type Tried, publishRules, retireRules, rules, tryRules } from "../data.ts";
import { count, second } from "../format.ts";
import { interactionAddress } from "../grid/columns.tsx";
import { Diff } from "../json/Diff.tsx";
import { Editor, type EditorHandle } from "../json/Editor.tsx";
import { Badge, Valid } from "../parts/Badge.tsx";
import { Confirm, Dialog } from "../parts/Dialog.tsx";
import { Link } from "../parts/Link.tsx";
import { Answer, Empty, ErrorNotice, Panel } from "../parts/Panel.tsx";
import { Text } from "../parts/Text.tsx";
import { change, place } from "../place.ts";
import { useStore } from "../store.ts";
import { useAsk } from "../useAsk.ts";

function TriedTable({ tried, onLine }: { tried: Tried; onLine: (line: number) => void }) {
  const differ = tried.tried.filter((t) => t.valid_before !== t.valid_after || t.action_before !== t.action_after || t.errors_before !== t.errors_after || t.warnings_before !== t.warnings_after);
  return (
    <div class="stack">
      {tried.problems.map((p, i) => <p class="notice bad" key={i}><span>{p.line !== null && <><button type="button" class="link" onClick={() => onLine(p.line!)}>Line {p.line}{p.column !== null && `, column ${p.column}`}</button>: </>}{p.where && <><Text value={p.where} mono max={200} brief /> </>}<Text value={p.text} lines /></span></p>)}
      {tried.tried.length > 0 && <p role="status">{count(tried.tried.length)} interactions tried, {count(differ.length)} would end otherwise. Nothing was stored or sent.{tried.left_out > 0 && ` Of ${count(tried.left_out)} the bytes are no longer kept.`}</p>}
      {tried.tried.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="What the rules would do">
          <table>
            <thead><tr><th scope="col">Interaction</th><th scope="col">Validity</th><th scope="col">Disposition</th><th scope="col">Errors</th><th scope="col">Warnings</th><th scope="col">Rules that changed something</th></tr></thead>
            <tbody>{tried.tried.map((t) => (
              <tr key={t.tenant + t.interaction_id}>
                <td><Link class="id" to={interactionAddress(t.interaction_id, t.tenant)}>{t.interaction_id}</Link><div class="soft"><Text value={t.tenant} max={60} brief /></div></td>
                <td><Valid valid={t.valid_before} />{t.valid_before !== t.valid_after && <> → <Valid valid={t.valid_after} /></>}</td>
                <td><Badge word={t.action_before} />{t.action_before !== t.action_after && <> → <Badge word={t.action_after} /></>}</td>
                <td>{count(t.errors_before)}{t.errors_before !== t.errors_after && <> → <strong>{count(t.errors_after)}</strong></>}</td>
                <td>{count(t.warnings_before)}{t.warnings_before !== t.warnings_after && <> → <strong>{count(t.warnings_after)}</strong></>}</td>
                <td class="break">{t.changes.length === 0 ? <span class="soft">none</span> : t.changes.slice(0, 10).map((c) => <div key={c.ordinal}><Text value={c.rule} mono max={80} brief /> {c.what}</div>)}{t.changes.length > 10 && <div class="soft">and {count(t.changes.length - 10)} more</div>}</td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function Edit({ set, session, onPublished }: { set: RuleSet; session: Session; onPublished: () => void }) {
  const before = JSON.stringify(set.object, null, 2);
  const editor = useRef<EditorHandle>(null);
  const [changed, setChanged] = useState(false);
  const [tried, setTried] = useState<Tried | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const [comparing, setComparing] = useState<string | null>(null);
  const [publishing, setPublishing] = useState<string | null>(null);
  const [retiring, setRetiring] = useState(false);
  const comment = useRef<HTMLInputElement>(null);
  const may = session.rights.administer;

  const attempt = async (form: HTMLFormElement) => {
    const data = new FormData(form);
    const ids = String(data.get("ids") ?? "").split(/[\s,]+/).filter(Boolean);
    setBusy(true);
    setError(null);
    try {
      setTried(await tryRules(set.name, editor.current!.text(), ids, Number(data.get("last")) || 20));
    } catch (e) {
      setError(e as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="stack">
      <div class="rules-editor"><Editor first={before} label={`Rules ${set.name}`} readOnly={!may} handle={editor} onChange={() => { setChanged(true); setTried(null); }} /></div>
      <form class="row-end" onSubmit={(e) => { e.preventDefault(); void attempt(e.currentTarget); }}>
        <label>Try on the last<input name="last" type="number" min="1" max="50" defaultValue="20" /></label>
        <label class="grow">or on these interactions<input name="ids" placeholder="ids, by comma" spellcheck={false} /></label>
        {may && <button type="submit" disabled={busy}>{busy ? "Trying…" : "Dry run"}</button>}
        <button type="button" onClick={() => setComparing(editor.current!.text())}>Compare with what is in force</button>
        {may && !set.builtin && <button type="button" onClick={() => setRetiring(true)}>Retire…</button>}
        {may && <button type="button" class="primary" disabled={!changed} onClick={() => setPublishing(editor.current!.text())}>Publish…</button>}
      </form>
      {error && <ErrorNotice error={error} />}
      {tried && <TriedTable tried={tried} onLine={(line) => editor.current!.goTo(line)} />}
      {comparing !== null && <Dialog wide title={`${set.name}: in force, and here`} onClose={() => setComparing(null)}><div class="diff-box"><Diff before={before} after={comparing} labels={["In force", "Here"]} /></div></Dialog>}
      {publishing !== null && (
        <Confirm title={`Publish ${set.name}?`} act="Publish" onClose={() => setPublishing(null)} run={async () => { await publishRules(set.name, publishing, set.version, comment.current?.value.trim() ?? ""); onPublished(); }}>
          <p>The next document that comes in is decided by it, at every worker. What was told before stays as it was. It replaces {set.builtin ? "what is built in" : `version ${count(set.version)}`} and goes on record with your name.</p>
          <label>Why<input ref={comment} maxLength={400} placeholder="kept with it" autocomplete="off" /></label>
          {!tried && <p class="notice warn">It was not tried on real interactions yet.</p>}
        </Confirm>
      )}
      {retiring && (
        <Confirm title={`Retire ${set.name}?`} act="Retire" danger onClose={() => setRetiring(false)} run={async () => { await retireRules(set.name, set.version, comment.current?.value.trim() ?? ""); onPublished(); }}>
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
  return (
    <div class="page">
      <div class="page-head"><h1>Rules</h1><span class="spring" /><button type="button" onClick={asked.reload}>Refresh</button></div>
      <Answer asked={asked}>
        {(data) => {
          const chosen = data.rules.find((r) => r.name === query.get("name")) ?? data.rules[0];
          return (
            <div class="side">
              <Panel title="Rule sets" flush>
                {data.rules.length === 0 && <div class="panel-body"><Empty>None is in force.</Empty></div>}
                <ul class="pick">
                  {data.rules.map((r) => (
                    <li key={r.name}>
                      <button type="button" aria-current={r === chosen ? "true" : undefined} onClick={() => change({ name: r.name })}>
                        <strong><Text value={r.name} max={60} brief /></strong><span class="soft">{r.builtin ? "built in" : `version ${count(r.version)}`}{r.disabled && ", out of force"}</span>
                        {r.about && <span class="soft about"><Text value={r.about} max={160} brief /></span>}
                      </button>
                    </li>
                  ))}
                </ul>
                {data.destinations.length > 0 && <div class="panel-body"><h3>Destinations</h3><ul>{data.destinations.map((d) => <li key={d.name}><Text value={d.name} max={60} brief /></li>)}</ul></div>}
              </Panel>
              {chosen && <Panel title={chosen.name} more={<span class="soft">{chosen.builtin ? "built in" : `version ${count(chosen.version)}`}{chosen.published_at && `, ${second(chosen.published_at)} UTC`}{chosen.published_by && <> by <Text value={chosen.published_by} max={60} brief /></>}{chosen.comment && <>: <Text value={chosen.comment} max={200} brief /></>}</span>}>{chosen.object === null ? <Empty>It names other tenants too, so its text is not shown to you.</Empty> : <Edit key={`${chosen.name} ${chosen.version}`} set={chosen} session={session} onPublished={asked.reload} />}</Panel>}
            </div>
          );
        }}
      </Answer>
    </div>
  );
}
