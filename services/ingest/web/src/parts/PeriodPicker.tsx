import { useState } from "preact/hooks";
import { PERIODS, readPeriod } from "../period.ts";
import { change } from "../place.ts";
import { second } from "../format.ts";
import { Menu } from "./Menu.tsx";
import { Icon } from "./Icon.tsx";

/** datetime-local has no zone; the pages speak UTC. */
function forInput(at: string | undefined): string {
  return at ? at.slice(0, 16) : "";
}
function fromInput(value: string): string | undefined {
  return value ? new Date(`${value}Z`).toISOString() : undefined;
}

export function PeriodPicker({ query }: { query: URLSearchParams }) {
  const period = readPeriod(query);
  const [from, setFrom] = useState(forInput(period.from));
  const [to, setTo] = useState(forInput(period.to));
  const name = PERIODS.find(([word]) => word === period.last)?.[1];
  const label = name ?? `${period.from ? second(period.from).slice(0, 16) : "…"} – ${period.to ? second(period.to).slice(0, 16) : "now"}`;
  return (
    <Menu name={`Period: ${label}`} label={<>{label}<Icon name="down" /></>}>
      {(close) => (
        <form class="stack" onSubmit={(e) => {
          e.preventDefault();
          change({ last: undefined, from: fromInput(from), to: fromInput(to) }, "push");
          close();
        }}>
          <div class="menu-list">
            {PERIODS.map(([word, title]) => (
              <button type="button" key={word} aria-pressed={period.last === word}
                      onClick={() => { change({ last: word, from: undefined, to: undefined }, "push"); close(); }}>{title}</button>
            ))}
          </div>
          <label>From (UTC)<input type="datetime-local" value={from} onInput={(e) => setFrom(e.currentTarget.value)} /></label>
          <label>Until (UTC)<input type="datetime-local" value={to} onInput={(e) => setTo(e.currentTarget.value)} /></label>
          <button type="submit" class="primary">Show this time</button>
        </form>
      )}
    </Menu>
  );
}
