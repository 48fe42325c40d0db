import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useEffect, useRef, useState } from "preact/hooks";
import { useStore } from "../store.ts";
import { theme } from "../theme.ts";
import { second } from "../format.ts";

export interface Line {
  label: string;
  values: (number | null)[];
  colour: string;
  dash?: number[];
  fill?: boolean;
}

interface Props {
  title: string;
  at: string[];
  lines: Line[];
  format: (value: number) => string;
}

/** A token's colour as the canvas needs it: computed. */
function colourOf(element: HTMLElement, token: string, alpha = 1): string {
  element.style.color = `color-mix(in srgb, var(${token}) ${alpha * 100}%, transparent)`;
  const colour = getComputedStyle(element).color;
  element.style.color = "";
  return colour;
}

/** Hours of the day in UTC; at midnight, and where a step is a day, the date. */
function timeTicks(_u: uPlot, ticks: number[]): string[] {
  return ticks.map((t) => {
    const at = new Date(t * 1000).toISOString();
    return at.slice(11, 16) === "00:00" ? at.slice(5, 10) : at.slice(11, 16);
  });
}

/** A value between two gaps has no line to be on: it is a point. */
function alone(values: (number | null)[]): number[] {
  const none = (i: number) => values[i] === null || values[i] === undefined;
  return values.flatMap((_, i) => (!none(i) && none(i - 1) && none(i + 1) ? [i] : []));
}

function makePlot(parent: HTMLElement, { at, lines, format }: Props): uPlot {
  const axis = { stroke: colourOf(parent, "--text-soft"), grid: { stroke: colourOf(parent, "--line"), width: 1 }, ticks: { show: false }, font: "11px Inter Variable, sans-serif" };
  return new uPlot(
    {
      width: parent.clientWidth,
      height: 180,
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      legend: { live: true },
      scales: { y: { range: (_u, _min, max) => [0, Math.max(1, max * 1.08)] } },
      axes: [{ ...axis, space: 60, size: 28, values: timeTicks }, { ...axis, size: 58, values: (_u, ticks) => ticks.map((t) => (t === 0 ? "0" : format(t))) }],
      series: [
        { value: (_u, ts) => (ts === null ? "–" : second(new Date(ts * 1000).toISOString()).slice(5, 16)) },
        ...lines.map((line) => ({
          label: line.label,
          stroke: colourOf(parent, line.colour),
          width: 1.75,
          points: { show: true, size: 5, filter: () => alone(line.values) },
          spanGaps: false,
          value: (_u: uPlot, v: number | null) => (v === null ? "–" : format(v)),
          ...(line.dash ? { dash: line.dash } : {}),
          ...(line.fill ? { fill: colourOf(parent, line.colour, 0.12) } : {}),
        })),
      ],
    },
    [at.map((t) => new Date(t).getTime() / 1000), ...lines.map((line) => line.values)] as uPlot.AlignedData,
    parent,
  );
}

function summary({ title, lines, format }: Props): string {
  const parts = lines.map((line) => {
    const values = line.values.filter((v): v is number => v !== null);
    if (!values.length) return `${line.label}: nothing`;
    return `${line.label}: last ${format(values[values.length - 1]!)}, highest ${format(Math.max(...values))}`;
  });
  return `${title}. ${parts.join("; ")}.`;
}

/** Lines over time; the same figures as a table for those who do not see them. */
export function Chart(props: Props) {
  const { title, at, lines, format } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const chosenTheme = useStore(theme);
  const [table, setTable] = useState(false);
  const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);

  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setDark(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);

  useEffect(() => {
    if (table) return;
    const parent = place.current!;
    const made = (plot.current = makePlot(parent, props));
    const size = new ResizeObserver(() => made.setSize({ width: parent.clientWidth, height: 180 }));
    size.observe(parent);
    return () => {
      size.disconnect();
      made.destroy();
    };
  }, [at, lines, chosenTheme, dark, table]);

  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <button type="button" class="link small" aria-pressed={table} onClick={() => setTable(!table)}>{table ? "as chart" : "as table"}</button>
      </figcaption>
      {table ? (
        <div class="scroll chart-table" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
          <table>
            <thead><tr><th scope="col">Time (UTC)</th>{lines.map((l) => <th scope="col" class="numeric" key={l.label}>{l.label}</th>)}</tr></thead>
            <tbody>{at.map((t, i) => (
              <tr key={t}><th scope="row">{second(t).slice(0, 16)}</th>{lines.map((l) => <td class="numeric" key={l.label}>{l.values[i] === null || l.values[i] === undefined ? "–" : format(l.values[i]!)}</td>)}</tr>
            ))}</tbody>
          </table>
        </div>
      ) : (
        <div class="chart-place" ref={place} role="img" aria-label={summary(props)} />
      )}
    </figure>
  );
}
