import { useState } from "preact/hooks";
import type { Facets } from "../data.ts";
import { short } from "../format.ts";
import { stateWord } from "../parts/Badge.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Menu } from "../parts/Menu.tsx";
import { Text } from "../parts/Text.tsx";
import { address, change, go, place } from "../place.ts";
import { useStore } from "../store.ts";
import { COLUMNS, COLUMN_IDS } from "./columns.tsx";
import { ALL } from "../period.ts";
import { DEFAULT_COLUMNS, EXACT, FILTERS, FILTER_NAMES, SEVERAL, columnsOf } from "./view.ts";

const KINDS: [string, string, string][] = [
  ["q", "Issue words", "words in issues, each as a beginning"],
  ["interaction_id", "Interaction id", "exactly, in all time"],
  ["bundle_id", "Bundle id", "exactly, in all time"],
  ["patient", "Patient identifier", "exactly, in all time; recorded"],
];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function Search({ onPatient }: { onPatient: (value: string) => void }) {
  const [kind, setKind] = useState("q");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const value = String(new FormData(form).get("value") ?? "").trim();
    const name = kind === "q" && UUID.test(value) ? "interaction_id" : kind;
    const exact = value && (EXACT as readonly string[]).includes(name);
    if (name === "patient") onPatient(value);
    change({ ...(name === "patient" ? {} : { [name]: value || undefined }), ...(exact ? { last: ALL, from: undefined, to: undefined } : {}) }, "push");
    form.reset();
  };
  const hint = KINDS.find(([name]) => name === kind)![2];
  return (
    <form class="search" role="search" onSubmit={submit}>
      <select aria-label="Search for" value={kind} onChange={(e) => setKind(e.currentTarget.value)}>
        {KINDS.map(([name, title]) => <option key={name} value={name}>{title}</option>)}
      </select>
      <input name="value" type="search" aria-label={`Search for, ${hint}`} placeholder={hint} autocomplete="off" spellcheck={false} />
      <button type="submit" class="icon-only" aria-label="Search"><Icon name="search" /></button>
    </form>
  );
}

function word(name: string, value: string): string {
  if (name === "state") return stateWord(value);
  if (name === "valid") return value === "true" ? "valid" : "invalid";
  return value;
}

function FacetMenu({ name, facets }: { name: string; facets: Facets | null }) {
  const { query } = useStore(place);
  const several = (SEVERAL as readonly string[]).includes(name);
  const chosen = query.get(name)?.split(several ? "," : "\n") ?? [];
  const known = facets?.[name] ?? [];
  const values = [...known, ...chosen.filter((c) => !known.some((k) => k.value === c)).map((value) => ({ value, count: -1 }))];
  const set = (value: string, on: boolean) => {
    const next = several ? [...chosen.filter((c) => c !== value), ...(on ? [value] : [])] : on ? [value] : [];
    change({ [name]: next.join(",") || undefined });
  };
  return (
    <Menu name={FILTER_NAMES[name]!} label={<>{FILTER_NAMES[name]}{chosen.length > 0 && <b> · {chosen.length}</b>}<Icon name="down" /></>}>
      {() => (
        <fieldset class="menu-list">
          <legend class="hidden-label">{FILTER_NAMES[name]}</legend>
          {values.length === 0 && <p class="soft">Nothing to choose from in this time.</p>}
          {values.map(({ value, count }) => (
            <label class="check" key={value}>
              <input type={several ? "checkbox" : "radio"} name={name} checked={chosen.includes(value)} onClick={(e) => set(value, several ? e.currentTarget.checked : !chosen.includes(value))} />
              <Text value={word(name, value)} max={60} brief />
              {count >= 0 && <span class="soft">{short(count)}</span>}
            </label>
          ))}
        </fieldset>
      )}
    </Menu>
  );
}

export function FilterMenus({ facets }: { facets: Facets | null }) {
  return <div class="filters">{["state", "valid", "disposition", "source_type", "ig_version"].map((name) => <FacetMenu key={name} name={name} facets={facets} />)}</div>;
}

export function Chips({ patient, onPatient }: { patient: string; onPatient: (value: string) => void }) {
  const { query } = useStore(place);
  const set = FILTERS.filter((name) => query.get(name));
  if (!set.length && !patient) return null;
  const clear = () => {
    onPatient("");
    change(Object.fromEntries(FILTERS.map((name) => [name, undefined])), "push");
  };
  return (
    <div class="chips" role="group" aria-label="Filters in force">
      {set.map((name) => {
        const value = query.get(name)!;
        const shown = value.split(",").map((v) => word(name, v)).join(", ");
        return (
          <span class="chip" key={name}><span>{FILTER_NAMES[name]}: <Text value={shown} max={80} brief /></span>
            <button type="button" aria-label={`Remove the filter ${FILTER_NAMES[name]}`} onClick={() => change({ [name]: undefined }, "push")}><Icon name="close" /></button>
          </span>
        );
      })}
      {patient && <span class="chip"><span>Patient: <Text value={patient} max={80} brief /></span><button type="button" aria-label="Remove the filter Patient" onClick={() => onPatient("")}><Icon name="close" /></button></span>}
      <button type="button" class="link" onClick={clear}>Clear all</button>
    </div>
  );
}

export function ColumnMenu() {
  const { query } = useStore(place);
  const shown = columnsOf(query, COLUMN_IDS);
  const set = (id: string, on: boolean) => {
    const next = COLUMNS.map((c) => c.id).filter((c) => (c === id ? on : shown.includes(c)));
    const same = next.length === DEFAULT_COLUMNS.length && next.every((c) => DEFAULT_COLUMNS.includes(c));
    change({ columns: same ? undefined : next.join(",") });
  };
  return (
    <Menu name="Columns" align="right" label={<><Icon name="columns" />Columns</>}>
      {() => (
        <fieldset class="menu-list">
          <legend class="hidden-label">Columns</legend>
          {COLUMNS.map((c) => (
            <label class="check" key={c.id}><input type="checkbox" checked={shown.includes(c.id)} disabled={c.id === "received_at"} onChange={(e) => set(c.id, e.currentTarget.checked)} />{c.title}</label>
          ))}
          <button type="button" class="link" onClick={() => change({ columns: undefined })}>As at first</button>
        </fieldset>
      )}
    </Menu>
  );
}

// --- saved views: names for addresses, kept by this browser ------------------------------------------
const KEY = "fhirbus-views";

function readViews(): [string, string][] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(value) ? value.filter((v): v is [string, string] => Array.isArray(v) && v.length === 2 && v.every((t) => typeof t === "string")) : [];
  } catch {
    return [];
  }
}

export function ViewMenu() {
  const { query } = useStore(place);
  const [views, setViews] = useState(readViews);
  const keep = (next: [string, string][]) => {
    setViews(next);
    localStorage.setItem(KEY, JSON.stringify(next));
  };
  return (
    <Menu name="Saved views" label={<>Views<Icon name="down" /></>}>
      {(close) => (
        <div class="stack">
          <div class="menu-list">
            {views.length === 0 && <p class="soft">A view is its address: filters, time, order and columns. Name this one to find it again.</p>}
            {views.map(([name, search]) => (
              <div class="row" key={name}>
                <button type="button" class="quiet" onClick={() => { go(address("/interactions", new URLSearchParams(search))); close(); }}><Text value={name} max={60} brief /></button>
                <span class="spring" />
                <button type="button" class="quiet icon-only" aria-label={`Forget the view ${name}`} onClick={() => keep(views.filter(([n]) => n !== name))}><Icon name="close" /></button>
              </div>
            ))}
          </div>
          <form class="row" onSubmit={(e) => {
            e.preventDefault();
            const name = String(new FormData(e.currentTarget).get("name") ?? "").trim();
            if (name) keep([...views.filter(([n]) => n !== name), [name, query.toString()]]);
            e.currentTarget.reset();
          }}>
            <input name="name" aria-label="Name of this view" placeholder="Name this view" maxLength={60} required />
            <button type="submit">Save</button>
          </form>
          <button type="button" onClick={() => { void navigator.clipboard?.writeText(location.href); close(); }}><Icon name="copy" />Copy its address</button>
        </div>
      )}
    </Menu>
  );
}
