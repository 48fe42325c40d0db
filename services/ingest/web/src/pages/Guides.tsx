import type { PageProps } from "../App.tsx";
import { images } from "../data.ts";
import { count, second } from "../format.ts";
import { Answer, Empty, Panel } from "../parts/Panel.tsx";
import { Link } from "../parts/Link.tsx";
import { Text } from "../parts/Text.tsx";
import { address } from "../place.ts";
import { useAsk } from "../useAsk.ts";

/** Which implementation guides documents were judged by, and by which engine. */
export default function Guides(_: PageProps) {
  const asked = useAsk("images", images);
  return (
    <div class="page">
      <div class="page-head"><h1>Guides</h1><span class="spring" /><button type="button" onClick={asked.reload}>Refresh</button></div>
      <p class="soft lead">Counted from the verdicts on record: a version is here once a document was judged by it. What each validator has loaded is its own, whether it was asked for or not; it says so in its log (<code>images.loaded</code>).</p>
      <Answer asked={asked}>
        {(list) => (
          <Panel title="Guides that documents were judged by" flush>
            {list.length === 0 ? <div class="panel-body"><Empty>No verdict is on record yet.</Empty></div> : (
              <div class="scroll tall" tabIndex={0} role="region" aria-label="Guides, a table">
                <table>
                  <thead><tr><th scope="col">Guide</th><th scope="col">Version</th><th scope="col">Engine</th><th scope="col" class="numeric">Verdicts</th><th scope="col">First</th><th scope="col">Last</th></tr></thead>
                  <tbody>{list.map((i, n) => (
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
        )}
      </Answer>
    </div>
  );
}
