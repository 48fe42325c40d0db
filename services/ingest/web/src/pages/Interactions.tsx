import { useCallback, useEffect, useMemo, useReducer, useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import { type Row, facets, allRows, withQuery } from "../data.ts";
import { count } from "../format.ts";
import { Chips, ColumnMenu, FilterMenus, Search, ViewMenu } from "../grid/Toolbar.tsx";
import { COLUMNS, COLUMN_IDS, interactionAddress } from "../grid/columns.tsx";
import { Rows } from "../grid/rows.ts";
import { DEFAULT_SORT, columnsOf, filtersOf, keyOf, sortOf } from "../grid/view.ts";
import { type Cell, Grid } from "../parts/Grid.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Menu } from "../parts/Menu.tsx";
import { ErrorNotice } from "../parts/Panel.tsx";
import { PeriodPicker } from "../parts/PeriodPicker.tsx";
import { Reveal } from "../parts/Reveal.tsx";
import { ReplayDialog } from "../replay/ReplayDialog.tsx";
import { IDS_MAX, type What } from "../replay/orders.ts";
import { ALL } from "../period.ts";
import { cameBack, change, go, place } from "../place.ts";
import { useStore } from "../store.ts";
import { useAsk } from "../useAsk.ts";

/** What is asked for beyond the address: a patient's identifier stays out of it, but survives a visit to a row. */
let patientKept = "";

function ExportMenu({ filters, sort }: { filters: Record<string, string>; sort: string }) {
  const path = (format: string) => withQuery("/interactions", { ...filters, sort, format });
  return (
    <Menu name="Export" align="right" label={<><Icon name="download" />Export</>}>
      {(close) => (
        <div class="menu-list">
          <a href={path("csv")} download="interactions.csv" onClick={close}>CSV: all rows of this view</a>
          <a href={path("ndjson")} download="interactions.ndjson" onClick={close}>NDJSON: all rows of this view</a>
        </div>
      )}
    </Menu>
  );
}

/** The grid as it was left: who comes back from a document finds it so, for some minutes. */
interface Kept {
  key: string;
  rows: Rows;
  top: number;
  left: number;
  /** where the focus was, and the row that was there */
  cell: Cell | null;
  row: string | null;
}
let kept: Kept | null = null;
const KEPT_MS = 5 * 60_000;

/** What is filtered, in words: a view that is ordered otherwise, or has other columns, is of the same rows. */
function viewOf(query: URLSearchParams, patient: string): string {
  const asked = new URLSearchParams(query);
  for (const name of ["columns", "live", "sort"]) asked.delete(name);
  return `${asked} ${patient}`;
}

function useRows(query: URLSearchParams, filters: Record<string, string>, sort: string, turn: number, revealed: boolean): Kept {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const key = JSON.stringify([viewOf(query, filters.patient ?? ""), sort, turn, revealed]);
  const own = useMemo(() => {
    if (kept?.key === key && Date.now() - kept.left < KEPT_MS) return kept;
    kept?.rows.close();
    kept = { key, rows: new Rows(filters, sort, revealed), top: 0, left: Date.now(), cell: null, row: null };
    return kept;
  }, [key]);
  own.rows.changed = () => queueMicrotask(() => redraw(undefined as never));
  useEffect(() => () => {
    own.rows.changed = () => {};
    own.left = Date.now();
  }, [own]);
  return own;
}

/** Who comes back finds the focus where it was: on that document, should others have come above it. */
function cellOf(own: Kept): Cell | undefined {
  if (!cameBack || !own.cell || own.row === null) return undefined;
  const is = (index: number) => {
    const row = own.rows.at(index);
    return row !== undefined && keyOf(row) === own.row;
  };
  let { row } = own.cell;
  if (!is(row)) for (row = 0; row < own.rows.count && !is(row); row++);
  return row < own.rows.count ? { ...own.cell, row } : undefined;
}

function useFollow(rows: Rows, on: boolean): void {
  useEffect(() => {
    if (!on) return;
    void rows.follow();
    return () => rows.unfollow();
  }, [rows, on]);
}

/** Which rows are chosen, as long as the view shows them: what one does not see, one does not replay. */
function useChosen(view: string, rows: Rows) {
  const [chosen, setChosen] = useState<Map<string, Row>>(new Map());
  useEffect(() => setChosen(new Map()), [view, rows]);
  useEffect(() => {
    rows.gone = (keys) => setChosen((before) => (keys.some((key) => before.has(key)) ? new Map([...before].filter(([key]) => !keys.includes(key))) : before));
    return () => {
      rows.gone = () => {};
    };
  }, [rows]);
  const choose = (row: Row, on: boolean) => {
    const next = new Map(chosen);
    if (on) next.set(keyOf(row), row);
    else next.delete(keyOf(row));
    setChosen(next);
  };
  return { chosen, choose, clear: () => setChosen(new Map()) };
}

const IDENTIFIERS = ["patient_id", "patient_mrn", "medicaid_cin"];

/** All failures of a time and tenant are told to the hub as such; with any other filter the very ones of the view are. */
function useFailures(filters: Record<string, string>) {
  const [what, setWhat] = useState<What | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const others = Object.keys(filters).some((name) => !["state", "from", "to", "tenant"].includes(name));
  const find = async () => {
    setError(null);
    if (!others) return setWhat({ state: "FAIL", since: filters.from, until: filters.to });
    setBusy(true);
    try {
      const rows = await allRows(filters, IDS_MAX);
      if (rows === null) setError(new Error(`There are more than ${count(IDS_MAX)} of them. Choose a shorter time, or take out all filters but state, time and tenant: then all that failed can be replayed.`));
      else if (rows.length === 0) setError(new Error("None is in this state any more."));
      else setWhat({ some: rows.map((r) => ({ id: r.interaction_id, tenant: r.tenant_id })) });
    } catch (e) {
      setError(e as Error);
    }
    setBusy(false);
  };
  return { what, error, busy, find, close: () => setWhat(null), forget: () => setError(null) };
}

function Nothing({ timed }: { timed: boolean }) {
  if (!timed) return <>Nothing with these filters.</>;
  return <>Nothing in this time with these filters. <button type="button" onClick={() => change({ last: ALL, from: undefined, to: undefined }, "push")}>Search all time</button></>;
}

function Footer({ rows, live, notLive }: { rows: Rows; live: boolean; notLive: string | null }) {
  const fetched = count(rows.loadedRows);
  const known = rows.error ? (rows.loadedRows ? `${fetched} fetched; the next could not be` : "None could be fetched") : rows.complete ? `${fetched} in all` : rows.estimate === null ? `${fetched} fetched, more there` : `${rows.exact ? "" : "about "}${count(rows.estimate)}`;
  return (
    <div class="grid-foot">
      <span role="status">{rows.waiting ? "Loading…" : known}</span>
      {live && <span class="live-dot"><Icon name="live" /> live</span>}
      {notLive && <span class="soft">not live: {notLive}</span>}
      <span class="spring" />
      <span class="soft keys">Arrow keys move, Enter opens, Space selects</span>
    </div>
  );
}

/** Of all time, for what takes a day where no time is said. */
const BEGINNING = "2000-01-01T00:00:00Z";

export default function Interactions({ session }: PageProps) {
  const { query } = useStore(place);
  const [patient, setPatientState] = useState(patientKept);
  const setPatient = (value: string) => {
    patientKept = value;
    setPatientState(value);
  };
  const [turn, setTurn] = useState(0);
  const filters = filtersOf(query, patient);
  const sort = sortOf(query);
  const sortWord = `${sort.id}:${sort.desc ? "desc" : "asc"}`;
  const byTime = sortWord === DEFAULT_SORT;
  const wantsLive = query.get("live") === "1";
  const notLive = !byTime ? "that goes with newest first" : patient ? "each look for a patient goes on record, so one looks by Refresh" : null;
  const live = wantsLive && notLive === null;
  const [revealed, setRevealed] = useState(false);
  const own = useRows(query, filters, sortWord, turn, revealed);
  const rows = own.rows;
  useFollow(rows, live);
  const { chosen, choose, clear } = useChosen(viewOf(query, patient), rows);
  const [replaying, setReplaying] = useState<What | null>(null);
  const failures = useFailures(filters);
  useEffect(failures.forget, [own.key]);
  const asked = useAsk(JSON.stringify([filters.tenant, filters.from, filters.to]), (signal) => facets({ tenant: filters.tenant, from: filters.from ?? BEGINNING, to: filters.to }, signal));

  const startCell = useMemo(() => cellOf(own), [own]);
  const onCell = (cell: Cell) => {
    const row = rows.at(cell.row);
    [own.cell, own.row] = [cell, row ? keyOf(row) : null];
  };
  const sight = useCallback((first: number, last: number) => rows.sight(first, last), [rows]);
  const open = (row: Row) => {
    own.row = keyOf(row);
    go(interactionAddress(row.interaction_id, row.tenant_id));
  };
  const onSort = (id: string) => change({ sort: id === sort.id && sort.desc ? `${id}:asc` : id === "received_at" ? undefined : `${id}:desc`, live: undefined });
  const click = (event: MouseEvent) => {
    const link = (event.target as Element).closest?.("a.open");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(link.getAttribute("href")!);
  };
  const failedHere = query.get("state") === "FAIL";

  return (
    <div class="page full">
      <div class="page-head">
        <h1>Interactions</h1>
        <PeriodPicker query={query} all />
        <ViewMenu />
        <span class="spring" />
        {session.rights.reveal && !revealed && columnsOf(query, COLUMN_IDS).some((c) => IDENTIFIERS.includes(c)) && (
          <Reveal what="identifiers" title="Reveal patients' identifiers?" onReveal={() => setRevealed(true)}>
            <p>They are shown as they are until this page is left, and so in what is exported. Who revealed them and when goes on record. What comes in live stays masked until Refresh.</p>
          </Reveal>
        )}
        <button type="button" aria-pressed={live} title={byTime ? "Rows come, change and go as documents do; not with a patient's identifier" : "Live goes with newest first: this orders so, too"} onClick={() => change({ live: live || (wantsLive && byTime) ? undefined : "1", sort: undefined })}><Icon name="live" />Live</button>
        <ColumnMenu />
        <ExportMenu filters={revealed ? { ...filters, reveal: "true" } : filters} sort={sortWord} />
        <button type="button" onClick={() => setTurn(turn + 1)}>Refresh</button>
      </div>
      <div class="toolbar">
        <Search onPatient={setPatient} />
        <FilterMenus facets={asked.data} />
        {session.rights.replay && failedHere && chosen.size === 0 && <button type="button" disabled={failures.busy} onClick={() => void failures.find()}><Icon name="replays" />Replay these failures…</button>}
      </div>
      <Chips patient={patient} onPatient={setPatient} />
      {chosen.size > 0 && (
        <div class="selection" role="status">
          <strong>{count(chosen.size)} selected</strong>
          {session.rights.replay && <button type="button" class="small" onClick={() => setReplaying({ some: [...chosen.values()].map((r) => ({ id: r.interaction_id, tenant: r.tenant_id })) })}><Icon name="replays" />Replay…</button>}
          <button type="button" class="small" onClick={clear}>Clear the selection</button>
        </div>
      )}
      {failures.error && <ErrorNotice error={failures.error} />}
      {rows.error && <ErrorNotice error={rows.error} retry={() => rows.retry()} />}
      <div class="grid-frame" onClick={click}>
        <Grid<Row> label="Interactions" columns={COLUMNS} shown={columnsOf(query, COLUMN_IDS)} count={rows.error && rows.loadedRows === 0 ? 0 : rows.count} complete={rows.complete}
                   rowAt={(i) => rows.at(i)} keyOf={keyOf} onSight={sight} onOpen={open} sort={sort} onSort={onSort} chosen={new Set(chosen.keys())} onChoose={choose}
                   key={own.key} startAt={own.top} onScroll={(top) => (own.top = top)} startCell={startCell} onCell={onCell} fresh={rows.fresh} empty={<Nothing timed={Boolean(filters.from || filters.to)} />} />
        {rows.heldCount > 0 && <button type="button" class="primary small fresh-pill" onClick={() => rows.release()}>{count(rows.heldCount)} new</button>}
        <Footer rows={rows} live={live} notLive={wantsLive ? notLive : null} />
      </div>
      {replaying && <ReplayDialog session={session} tenant={filters.tenant ?? null} what={replaying} onClose={() => setReplaying(null)} />}
      {failures.what && <ReplayDialog session={session} tenant={filters.tenant ?? null} what={failures.what} onClose={failures.close} />}
    </div>
  );
}
