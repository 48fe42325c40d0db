import { useState } from "preact/hooks";
import { ALL, PERIODS, readPeriod } from "../period.ts";
import { change } from "../place.ts";
import { second } from "../format.ts";
import { Text } from "./Text.tsx";
import { Menu } from "./Menu.tsx";
import { Icon } from "./Icon.tsx";

/** datetime-local has no zone; the pages speak UTC. */
function forInput(at: string | undefined): string {
  return at ? at.slice(0, 16) : "";
}
function fromInput(value: string): string | undefined {
  return value ? new Date(`${value}Z`).toISOString() : undefined;
}

export function PeriodPicker({ query, all = false }: { query: URLSearchParams; all?: boolean }) {
  const period = readPeriod(query, Date.now(), all);
  const [from, setFrom] = useState(forInput(period.from));
  const [to, setTo] = useState(forInput(period.to));
  const periods: [string, string][] = [...PERIODS.map(([word, title]): [string, string] => [word, title]), ...(all ? [[ALL, "All time"] as [string, string]] : [])];
  const name = periods.find(([word]) => word === period.last)?.[1];
  const label = name ?? `${period.from ? second(period.from).slice(0, 16) : "…"} – ${period.to ? second(period.to).slice(0, 16) : "now"}`;
  return (
    <>
    <Menu name={`Period: ${label}`} label={<>{label}<Icon name="down" /></>}>
      {(close) => (
        <form class="stack" onSubmit={(e) => {
          e.preventDefault();
          change({ last: undefined, from: fromInput(from), to: fromInput(to) }, "push");
          close();
        }}>
          <div class="menu-list">
            {periods.map(([word, title]) => (
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
    {period.unknown !== undefined && <span class="soft" role="status">“<Text value={period.unknown} max={20} brief />” is no time that can be chosen; this is {name?.toLowerCase()}.</span>}
    </>
  );
}
