import { useCallback, useEffect, useMemo, useReducer, useState } from "preact/hooks";
import type { PageProps } from "../App.tsx";
import { type Row, facets, withQuery } from "../data.ts";
import { count } from "../format.ts";
import { Chips, ColumnMenu, FilterMenus, Search, ViewMenu } from "../grid/Toolbar.tsx";
import { COLUMNS, interactionAddress } from "../grid/columns.tsx";
import { Rows } from "../grid/rows.ts";
import { DEFAULT_SORT, columnsOf, filtersOf, keyOf, sortOf } from "../grid/view.ts";
import { Grid } from "../parts/Grid.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Menu } from "../parts/Menu.tsx";
import { ErrorNotice } from "../parts/Panel.tsx";
import { PeriodPicker } from "../parts/PeriodPicker.tsx";
import { ReplayDialog } from "../replay/ReplayDialog.tsx";
import { change, go, place } from "../place.ts";
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
}
let kept: Kept | null = null;
const KEPT_MS = 5 * 60_000;

function useRows(query: URLSearchParams, filters: Record<string, string>, sort: string, turn: number): Kept {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const asked = new URLSearchParams(query);
  for (const name of ["columns", "live"]) asked.delete(name);
  const key = JSON.stringify([asked.toString(), filters.patient, sort, turn]);
  const own = useMemo(() => {
    if (kept?.key === key && Date.now() - kept.left < KEPT_MS) return kept;
    kept?.rows.close();
    kept = { key, rows: new Rows(filters, sort), top: 0, left: Date.now() };
    return kept;
  }, [key]);
  own.rows.changed = () => queueMicrotask(() => redraw(undefined as never));
  useEffect(() => () => {
    own.rows.changed = () => {};
    own.left = Date.now();
  }, [own]);
  return own;
}

function useFollow(rows: Rows, on: boolean): void {
  useEffect(() => {
    if (!on) return;
    void rows.follow();
    return () => rows.unfollow();
  }, [rows, on]);
}

function Footer({ rows, live }: { rows: Rows; live: boolean }) {
  const known = rows.complete ? `${count(rows.loadedRows)} in all` : rows.estimate === null ? `${count(rows.loadedRows)} fetched, more there` : `${rows.exact ? "" : "about "}${count(rows.estimate)}`;
  return (
    <div class="grid-foot">
      <span role="status">{rows.waiting ? "Loading…" : known}</span>
      {live && <span class="live-dot"><Icon name="live" /> live</span>}
      <span class="spring" />
      <span class="soft keys">Arrow keys move, Enter opens, Space selects</span>
    </div>
  );
}

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
  const live = query.get("live") === "1";
  const own = useRows(query, filters, sortWord, turn);
  const rows = own.rows;
  useFollow(rows, live && sortWord === DEFAULT_SORT);
  const [chosen, setChosen] = useState<Map<string, Row>>(new Map());
  const [replaying, setReplaying] = useState(false);
  const asked = useAsk(JSON.stringify([filters.tenant, filters.from, filters.to]), (signal) => facets({ tenant: filters.tenant, from: filters.from, to: filters.to }, signal));

  const sight = useCallback((first: number, last: number) => rows.sight(first, last), [rows]);
  const open = (row: Row) => go(interactionAddress(row.interaction_id, row.tenant_id));
  const onSort = (id: string) => change({ sort: id === sort.id && sort.desc ? `${id}:asc` : id === "received_at" ? undefined : `${id}:desc`, live: undefined });
  const onChoose = (row: Row, on: boolean) => {
    const next = new Map(chosen);
    if (on) next.set(keyOf(row), row);
    else next.delete(keyOf(row));
    setChosen(next);
  };
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
        <PeriodPicker query={query} />
        <ViewMenu />
        <span class="spring" />
        <button type="button" aria-pressed={live} onClick={() => change({ live: live ? undefined : "1", sort: undefined })}><Icon name="live" />Live</button>
        <ColumnMenu />
        <ExportMenu filters={filters} sort={sortWord} />
        <button type="button" onClick={() => setTurn(turn + 1)}>Refresh</button>
      </div>
      <div class="toolbar">
        <Search onPatient={setPatient} />
        <FilterMenus facets={asked.data} />
        {session.rights.replay && failedHere && chosen.size === 0 && <button type="button" onClick={() => setReplaying(true)}><Icon name="replays" />Replay these failures…</button>}
      </div>
      <Chips patient={patient} onPatient={setPatient} />
      {chosen.size > 0 && (
        <div class="selection" role="status">
          <strong>{count(chosen.size)} selected</strong>
          {session.rights.replay && <button type="button" class="small" onClick={() => setReplaying(true)}><Icon name="replays" />Replay…</button>}
          <button type="button" class="small" onClick={() => setChosen(new Map())}>Clear the selection</button>
        </div>
      )}
      {rows.error && <ErrorNotice error={rows.error} retry={() => rows.retry()} />}
      <div class="grid-frame" onClick={click}>
        <Grid<Row> label="Interactions" columns={COLUMNS} shown={columnsOf(query)} count={rows.error && rows.loadedRows === 0 ? 0 : rows.count} complete={rows.complete}
                   rowAt={(i) => rows.at(i)} keyOf={keyOf} onSight={sight} onOpen={open} sort={sort} onSort={onSort} chosen={new Set(chosen.keys())} onChoose={onChoose}
                   key={own.key} startAt={own.top} onScroll={(top) => (own.top = top)} fresh={rows.fresh} empty="Nothing in this time with these filters." />
        {rows.heldCount > 0 && <button type="button" class="primary small fresh-pill" onClick={() => rows.release()}>{count(rows.heldCount)} new</button>}
        <Footer rows={rows} live={live} />
      </div>
      {replaying && (
        <ReplayDialog onClose={() => setReplaying(false)} tenant={filters.tenant ?? null}
                      what={chosen.size ? { ids: [...chosen.values()].map((r) => r.interaction_id) } : { state: "FAIL", since: filters.from, until: filters.to }} />
      )}
    </div>
  );
}
