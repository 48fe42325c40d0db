import { useEffect, useRef, useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import { type Issue, type Judged, fromOutcome, guides as askGuides, judge } from "../data.ts";
import { duration } from "../format.ts";
import { Issues } from "../interaction/Issues.tsx";
import { Editor, type EditorHandle } from "../json/Editor.tsx";
import { Badge, Valid } from "../parts/Badge.tsx";
import { Empty, ErrorNotice } from "../parts/Panel.tsx";
import { Text } from "../parts/Text.tsx";
import { place } from "../place.ts";
import { useStore } from "../store.ts";
import { useAsk } from "../useAsk.ts";

const EXAMPLE = `{
  "resourceType": "Bundle",
  "type": "transaction",
  "entry": []
}`;

interface Kept {
  text: string;
  version: string;
  profile: string;
  judged: { answer: Judged; issues: Issue[]; took: number } | null;
  stale: boolean;
}

/** What was pasted stays as long as this page is open and its session lasts: in memory alone, it is of patients. */
let kept: Kept | null = null;

function issuesOf(judged: Judged): Issue[] {
  const result = judged.OperationOutcome.validationResults?.[0];
  const early = (result?.issues ?? []).map((i, n): Issue => ({ ordinal: n, severity: i.severity.toLowerCase(), code: null, message_id: null, location: null, expression: null, diagnostics: i.message, line: placeIn(i.message)?.[0] || null, col: placeIn(i.message)?.[1] || null }));
  return [...early, ...(result?.operationOutcome?.issue ?? []).map((issue, n) => fromOutcome(issue, early.length + n))];
}

/** "... (line 1, column 17)" */
function placeIn(message: string): [number, number] | null {
  const found = /\(line (\d+), column (\d+)\)/.exec(message);
  return found ? [Number(found[1]), Number(found[2])] : null;
}

function Verdict({ judged, took }: { judged: Judged; took: number }) {
  const result = judged.OperationOutcome.validationResults?.[0];
  return (
    <div class="row" role="status">
      <Valid valid={result?.valid} />
      {judged.OperationOutcome.techByDesignDisposition?.map((d, i) => <span key={i}><Badge word={d.action} /> {d.actionPayload?.message && <span class="soft"><Text value={d.actionPayload.message} max={160} brief /></span>}</span>)}
      <span class="soft">guide <Text value={result?.igVersion} max={40} brief />, {duration(took)} there and back</span>
    </div>
  );
}

export default function Playground(_: PageProps) {
  const { query } = useStore(place);
  const editor = useRef<EditorHandle>(null);
  const [judged, setJudged] = useState<Kept["judged"]>(kept?.judged ?? null);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const [stale, setStale] = useState(kept?.stale ?? false);
  const [target, setTarget] = useState<Issue | null>(null);
  const [said, setSaid] = useState("");
  const [version, setVersion] = useState(kept?.version ?? "");
  const [profile, setProfile] = useState(kept?.profile ?? "");
  const [first] = useState(kept?.text ?? EXAMPLE);
  const guides = useAsk("images", askGuides);
  const latest = useRef({ version, profile, judged, stale });
  latest.current = { version, profile, judged, stale };
  useEffect(() => {
    const own = editor.current!;
    if (latest.current.judged && !latest.current.stale) void own.mark(latest.current.judged.issues);
    return () => {
      kept = { text: own.text(), ...latest.current };
    };
  }, []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setTarget(null);
    const began = performance.now();
    try {
      const answer = await judge(editor.current!.text(), { tenant: query.get("tenant"), ig_version: version, profile: profile.trim() });
      const issues = issuesOf(answer);
      setJudged({ answer, issues, took: performance.now() - began });
      setStale(false);
      await editor.current!.mark(issues);
    } catch (e) {
      setError(e as Error);
    } finally {
      setBusy(false);
    }
  };
  const openFile = async (input: HTMLInputElement) => {
    const file = input.files?.[0];
    if (file) editor.current!.set(await file.text());
    input.value = "";
  };
  const show = (issue: Issue) => {
    setTarget(issue);
    void editor.current!.show(issue).then((spot) => setSaid(spot ? (spot.whole ? `At ${spot.path}` : `What is missing belongs into ${spot.path}`) : "The text has no place for this issue."));
  };
  const loaded = (guides.data?.loaded ?? []).filter((image) => image.validators > 0);
  const versions = new Map(loaded.filter((image) => image.version).map((image) => [image.version, `${image.name} ${image.version}`]));
  const profiles = new Set(loaded.filter((image) => !versions.has(version) || image.version === version).flatMap((image) => image.profile_urls ?? []));
  return (
    <div class="page">
      <div class="page-head"><h1>Playground</h1><span class="soft">Judged and shown; nothing is stored. The text stays until this page is closed.</span></div>
      <form class="row-end playground-bar" onSubmit={submit}>
        <label>Guide version<input name="ig" list="guide-versions" placeholder="as the document says" autocomplete="off" value={version} onInput={(e) => setVersion(e.currentTarget.value.trim())} /></label>
        <datalist id="guide-versions">{[...versions].map(([v, label]) => <option key={v} value={v} label={label} />)}</datalist>
        <label class="grow">Profile<input name="profile" list="guide-profiles" placeholder="as the document says" spellcheck={false} autocomplete="off" value={profile} onInput={(e) => setProfile(e.currentTarget.value)} /></label>
        <datalist id="guide-profiles">{[...profiles].sort().map((url) => <option key={url} value={url} />)}</datalist>
        <label class="button file">Open a file<input type="file" accept=".json,application/json,application/fhir+json" onChange={(e) => void openFile(e.currentTarget)} /></label>
        <button type="submit" class="primary" disabled={busy}>{busy ? "Judging…" : "Validate"}</button>
      </form>
      {error && <ErrorNotice error={error} />}
      <div class="work play">
        {judged ? <div class={`play-issues ${stale ? "stale" : ""}`}><Verdict judged={judged.answer} took={judged.took} /><Issues issues={judged.issues} current={target} onGo={show} /></div>
          : <div class="issues"><div class="issues-head"><strong>Issues</strong></div><div class="panel-body"><Empty>Paste a bundle, drop a file on the text, or open one; then validate.</Empty></div></div>}
        <div class="payload"><div class="payload-bar"><strong>Document</strong><span class="spring" /><span class="soft small" role="status">{said}</span></div><Editor first={first} label="Document to validate" handle={editor} onChange={() => setStale(true)} /></div>
      </div>
    </div>
  );
}
