import type { PageProps } from "../App.tsx";
import { type Guides as Known, type Image, type LoadedImage, type LoadedInstance, guides } from "../data.ts";
import { bytes, count, second } from "../format.ts";
import { Badge } from "../parts/Badge.tsx";
import { Answer, Empty, Panel } from "../parts/Panel.tsx";
import { Link } from "../parts/Link.tsx";
import { Text } from "../parts/Text.tsx";
import { address } from "../place.ts";
import { useAsk } from "../useAsk.ts";

function Packages({ of }: { of: LoadedImage }) {
  const [root, ...others] = of.packages ?? [];
  if (!root) return <span class="soft">not told yet</span>;
  if (others.length === 0) return <Text value={root} max={120} brief />;
  return (
    <details>
      <summary>{count(others.length + 1)} packages</summary>
      <ul class="plain">{[root, ...others].map((name) => <li key={name}><Text value={name} max={120} brief /></li>)}</ul>
    </details>
  );
}

function Instance({ of }: { of: LoadedInstance }) {
  return (
    <li>
      <Text value={of.host} max={80} brief /> <span class="soft"><Text value={of.instance.slice(0, 8)} brief />, {of.software}, since {second(of.loaded_at)}</span>
      {of.state !== "running" && <> <Badge word={of.state === "ended" ? "ended" : "not seen"} tone={of.state === "ended" ? "mute" : "warn"} /> <span class="soft">last {second(of.last_seen)}</span></>}
    </li>
  );
}

/** How many run with it, of all that run; and which, for whom may see that. */
function Validators({ of, running }: { of: LoadedImage; running: number }) {
  const words = (
    <>
      {of.validators > 0 ? `${count(of.validators)} of ${count(running)}` : <Badge word="not loaded now" tone="warn" />}
      {of.gone > 0 && <span class="soft">, {count(of.gone)} gone</span>}
    </>
  );
  if (!of.instances?.length) return words;
  return <details><summary>{words}</summary><ul class="plain">{of.instances.map((i) => <Instance key={i.instance} of={i} />)}</ul></details>;
}

function Loaded({ known }: { known: Known }) {
  const { loaded, validators } = known;
  return (
    <Panel title="Loaded by validators" flush more={<span class="soft">{count(validators.running)} running{validators.gone > 0 && `, ${count(validators.gone)} gone`}</span>}>
      {loaded.length === 0 ? <div class="panel-body"><Empty>{validators.running ? "The validators run without any guide." : "No validator has said what it has loaded."}</Empty></div> : (
        <div class="scroll tall" tabIndex={0} role="region" aria-label="Loaded guides, a table">
          <table>
            <thead><tr><th scope="col">Guide</th><th scope="col">Version</th><th scope="col">Made of</th><th scope="col">Answers as</th><th scope="col" class="numeric">Profiles</th><th scope="col" class="numeric">Size</th><th scope="col">Validators</th><th scope="col">Since</th><th scope="col">Last seen</th></tr></thead>
            <tbody>{loaded.map((image) => (
              <tr key={image.digest} class={image.validators ? undefined : "gone"}>
                <th scope="row"><Text value={image.name || image.digest} max={100} brief /></th>
                <td><Text value={image.version} max={40} brief /></td>
                <td><Packages of={image} /></td>
                <td><Text value={image.reference} max={20} brief /></td>
                <td class="numeric">{count(image.profiles)}</td><td class="numeric">{bytes(image.bytes)}</td>
                <td><Validators of={image} running={validators.running} /></td>
                <td>{second(image.since)}</td><td>{second(image.last_seen)}</td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Used({ images }: { images: Image[] }) {
  return (
    <Panel title="Documents were judged by" flush>
      {images.length === 0 ? <div class="panel-body"><Empty>No verdict is on record yet.</Empty></div> : (
        <div class="scroll tall" tabIndex={0} role="region" aria-label="Guides in use, a table">
          <table>
            <thead><tr><th scope="col">Guide</th><th scope="col">Version</th><th scope="col">Engine</th><th scope="col" class="numeric">Verdicts</th><th scope="col">First</th><th scope="col">Last</th></tr></thead>
            <tbody>{images.map((i, n) => (
              <tr key={n}>
                <th scope="row"><Text value={i.ig_name} max={100} brief /></th>
                <td><Link to={address("/interactions", { ig_version: i.ig_version, last: "30d" })}><Text value={i.ig_version} max={40} brief /></Link></td>
                <td><Text value={i.engine_version} max={80} brief /></td>
                <td class="numeric">{count(i.verdicts)}</td><td>{second(i.first_used)}</td><td>{second(i.last_used)}</td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

/** Which implementation guides validators have loaded now, and which documents were judged by. */
export default function Guides(_: PageProps) {
  const asked = useAsk("images", guides);
  return (
    <div class="page">
      <div class="page-head"><h1>Guides</h1><span class="spring" /><button type="button" onClick={asked.reload}>Refresh</button></div>
      <p class="soft lead">Validators say what they have loaded when they start, when it changes, and every half minute or so; one that ended or is not heard of any more is shown as gone. What documents were judged by is counted from the verdicts on record.</p>
      <Answer asked={asked}>{(known) => <div class="stack-l"><Loaded known={known} /><Used images={known.images} /></div>}</Answer>
    </div>
  );
}
