import type { Happening } from "../data.ts";
import { duration, time } from "../format.ts";
import { StateBadge } from "../parts/Badge.tsx";
import { Empty } from "../parts/Panel.tsx";
import { Text } from "../parts/Text.tsx";

function tone(h: Happening): string {
  if (h.to_state === "FAIL" || /FAILED$/.test(h.to_state ?? "")) return "bad";
  return h.to_state ? "" : "mute";
}

/** In the words of the field: what nobody could deliver is a dead letter. */
const stepWord = (step: string): string => step.replace(/\bburied\b/, "dead-lettered");

export function Timeline({ events }: { events: Happening[] }) {
  if (!events.length) return <Empty>Nothing is on record yet.</Empty>;
  return (
    <ol class="timeline">
      {events.map((h, i) => (
        <li key={i}>
          <span class="when">{time(h.at)}</span>
          <span class={`dot ${tone(h)}`} aria-hidden="true" />
          <span class="what">
            <strong><Text value={h.nature ?? stepWord(h.step)} max={80} brief /></strong> {h.to_state && <StateBadge state={h.to_state} />}
            <div class="soft">
              <Text value={h.service} max={40} brief /> · <Text value={stepWord(h.step)} max={40} brief />
              {h.destination && <> · to <Text value={h.destination} max={60} brief /></>}
              {(h.attempt ?? 0) > 1 && <> · attempt {h.attempt}</>}
              {h.replay_id && <> · replay <span class="id">{h.replay_id}</span></>}
            </div>
            {h.reason && <div><Text value={h.reason} max={400} lines /></div>}
          </span>
          <span class="took">{i ? `+ ${duration(h.since_previous_ms)}` : ""}<div>{i > 1 ? duration(h.since_received_ms) : ""}</div></span>
        </li>
      ))}
    </ol>
  );
}
