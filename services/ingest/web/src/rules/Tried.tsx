import type { RuleChange, Tried } from "../data.ts";
import { count } from "../format.ts";
import { interactionAddress } from "../grid/columns.tsx";
import { Badge, Valid } from "../parts/Badge.tsx";
import { Link } from "../parts/Link.tsx";
import { Text } from "../parts/Text.tsx";
import { missing } from "./missing.ts";

function BeforeAfter({ change: { before, after } }: { change: RuleChange }) {
  if (before === null && after === null) return null;
  return <div class="soft">{before !== null && <Text value={before} max={200} />}{after !== null && <> → <Text value={after} max={200} /></>}</div>;
}

/** `asked`: how many interactions were named, 0: none, the last ones were to be taken. */
export function TriedTable({ tried, asked, onLine }: { tried: Tried; asked: number; onLine: (line: number) => void }) {
  const differ = tried.tried.filter((t) => t.valid_before !== t.valid_after || t.action_before !== t.action_after || t.errors_before !== t.errors_after || t.warnings_before !== t.warnings_after);
  return (
    <div class="stack">
      {tried.problems.map((p, i) => <p class="notice bad" key={i}><span>{p.line !== null && <><button type="button" class="link" onClick={() => onLine(p.line!)}>Line {p.line}{p.column !== null && `, column ${p.column}`}</button>: </>}{p.where && <><Text value={p.where} mono max={200} brief /> </>}<Text value={p.text} lines /></span></p>)}
      {tried.tried.length > 0 && <p role="status">{count(tried.tried.length)} {tried.tried.length === 1 ? "interaction" : "interactions"} tried, {count(differ.length)} would end otherwise. Nothing was stored or sent.</p>}
      {missing(tried, asked).map((text) => <p class="notice warn" role="status" key={text}>{text}</p>)}
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
                <td class="break">{t.changes.length === 0 ? <span class="soft">none</span> : t.changes.slice(0, 10).map((c, i) => <div key={i}><Text value={c.rule} mono max={80} brief /> {c.what}<BeforeAfter change={c} /></div>)}{t.changes.length > 10 && <div class="soft">and {count(t.changes.length - 10)} more</div>}</td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </div>
  );
}
