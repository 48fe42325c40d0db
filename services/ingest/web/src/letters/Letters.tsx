import type { DeadLetter } from "../data.ts";
import { bytes, count, second } from "../format.ts";
import { interactionAddress } from "../grid/columns.tsx";
import { StateBadge } from "../parts/Badge.tsx";
import { Link } from "../parts/Link.tsx";
import { Text } from "../parts/Text.tsx";

export const keyOf = (r: DeadLetter): string => `${r.partition}:${r.offset}`;

/** Its document reached the lake after it was given up: there is nothing left to do for it. */
export function isDelivered(r: DeadLetter): boolean {
  return r.state === "COMPLETE" && r.state_at !== null && Date.parse(r.state_at) > Date.parse(r.at);
}

function Since({ letter }: { letter: DeadLetter }) {
  if (letter.state === null) return <span class="soft">not on record</span>;
  return (
    <>
      {isDelivered(letter) ? <span class="badge good">delivered since</span> : <StateBadge state={letter.state} />}
      <div class="soft">{second(letter.state_at)}</div>
    </>
  );
}

/** What was tried before it was given up; nothing to say of what an earlier version wrote, or of none. */
function tried(r: DeadLetter): string {
  const parts: string[] = [];
  if (r.deaths) parts.push(`its worker died or hung ${r.deaths === 1 ? "once" : `${count(r.deaths)} times`}`);
  if (r.attempts) parts.push(r.attempts === 1 ? "one attempt to deliver it" : `${count(r.attempts)} attempts to deliver it`);
  return parts.join(", ");
}

function Letter({ letter, chosen, onChoose }: { letter: DeadLetter; chosen: boolean; onChoose: (on: boolean) => void }) {
  return (
    <tr class={isDelivered(letter) ? "gone" : undefined}>
      <td><input type="checkbox" aria-label={`Choose record ${keyOf(letter)}`} checked={chosen} onChange={(e) => onChoose(e.currentTarget.checked)} /></td>
      <td>{second(letter.at)}</td>
      <td class="break reason"><strong><Text value={letter.reason} max={80} brief /></strong><div class="soft"><Text value={letter.detail} max={200} /></div>{tried(letter) && <div class="soft small">{tried(letter)}</div>}</td>
      <td><Since letter={letter} /></td>
      <td>{letter.interaction_id ? <Link class="id" to={interactionAddress(letter.interaction_id, letter.tenant)}>{letter.interaction_id}</Link> : "–"}</td>
      <td><Text value={letter.tenant} max={60} brief /></td>
      <td><Text value={letter.topic} mono max={60} brief /> <span class="soft" title="partition and offset">{letter.topic_partition}:{letter.topic_offset}</span><div class="soft"><Text value={letter.service} max={40} brief /></div></td>
      <td class="numeric">{bytes(letter.bytes)}</td>
      <td class="id">{keyOf(letter)}</td>
    </tr>
  );
}

interface Props {
  letters: DeadLetter[];
  chosen: ReadonlyMap<string, DeadLetter>;
  onChoose: (letters: DeadLetter[], on: boolean) => void;
}

export function LettersTable({ letters, chosen, onChoose }: Props) {
  const here = letters.filter((r) => chosen.has(keyOf(r))).length;
  return (
    <div class="scroll tall" tabIndex={0} role="region" aria-label="Dead letters, a table">
      <table>
        <thead>
          <tr>
            <th scope="col"><input type="checkbox" aria-label="Choose all on this page" checked={here === letters.length} ref={(box) => { if (box) box.indeterminate = here > 0 && here < letters.length; }} onChange={(e) => onChoose(letters, e.currentTarget.checked)} /></th>
            <th scope="col">When</th><th scope="col">Reason</th><th scope="col">Its document now</th><th scope="col">Interaction</th><th scope="col">Tenant</th><th scope="col">From, by</th><th scope="col" class="numeric">Size</th><th scope="col">Place</th>
          </tr>
        </thead>
        <tbody>{letters.map((r) => <Letter key={keyOf(r)} letter={r} chosen={chosen.has(keyOf(r))} onChoose={(on) => onChoose([r], on)} />)}</tbody>
      </table>
    </div>
  );
}
