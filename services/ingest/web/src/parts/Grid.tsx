import { type ColumnDef, type RowData, type Table, createTable, getCoreRowModel } from "@tanstack/table-core";
import { Virtualizer, defaultRangeExtractor, elementScroll, observeElementOffset, observeElementRect } from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { Icon } from "./Icon.tsx";

/** A grid after the ARIA pattern: one cell takes the focus, arrows move it; only the rows in sight exist. */
export interface GridColumn<Row> {
  id: string;
  title: string;
  /** in pixels where letters are of the usual size; more where they are larger, or where there is room */
  width: number;
  cell: (row: Row) => ComponentChildren;
  numeric?: boolean;
  sortable?: boolean;
}

export interface GridSort {
  id: string;
  desc: boolean;
}

export interface Cell {
  row: number;
  column: number;
}

interface Props<Row> {
  label: string;
  columns: GridColumn<Row>[];
  /** ids, in the order of columns */
  shown: string[];
  /** rows that there are as far as is known, and whether that is all */
  count: number;
  complete: boolean;
  rowAt: (index: number) => Row | undefined;
  keyOf: (row: Row) => string;
  /** which rows are in sight: the owner fetches them */
  onSight: (first: number, last: number) => void;
  onOpen?: (row: Row) => void;
  sort?: GridSort;
  onSort?: (id: string) => void;
  chosen?: Set<string>;
  onChoose?: (row: Row, on: boolean) => void;
  fresh?: Set<string>;
  empty: ComponentChildren;
  /** where to begin, in pixels; and where one is now */
  startAt?: number;
  onScroll?: (top: number) => void;
  /** the cell that had the focus, to come back to; and which has it now */
  startCell?: Cell | undefined;
  onCell?: (cell: Cell) => void;
}

const ROW = 30;
const CHOICE: GridColumn<never> = { id: "choice", title: "Select", width: 40, cell: () => null };

/** How large letters are, 1 is 16 pixels; and how wide what is scrolled. */
function useSpace(scroller: { current: HTMLDivElement | null }): { letters: number; room: number } {
  const [space, setSpace] = useState({ letters: 1, room: 0 });
  useLayoutEffect(() => {
    const look = () => {
      const letters = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1;
      const room = scroller.current!.clientWidth;
      setSpace((old) => (old.letters === letters && old.room === room ? old : { letters, room }));
    };
    const seen = new ResizeObserver(look);
    look();
    seen.observe(scroller.current!);
    return () => seen.disconnect();
  }, []);
  return space;
}

/** What is written in words uses spare room; a number or a badge gets a little of it, to stay near the others. */
function useWidths<Row>(columns: GridColumn<Row>[], space: { letters: number; room: number }): Map<string, number> {
  const share = (c: GridColumn<Row>) => (c.id === CHOICE.id ? 0 : c.numeric || c.width < 110 ? c.width / 4 : c.width);
  const bare = columns.reduce((sum, c) => sum + Math.ceil(c.width * space.letters), 0);
  const spare = Math.max(0, space.room - bare);
  const shares = columns.reduce((sum, c) => sum + share(c), 0) || 1;
  return new Map(columns.map((c) => [c.id, Math.ceil(c.width * space.letters) + Math.floor((spare * share(c)) / shares)]));
}

/** TanStack's table keeps the columns: their order, their widths, which are shown. Once a width is somebody's choice none moves by itself. */
function useColumns<Row extends RowData>(columns: GridColumn<Row>[], shown: string[], space: { letters: number; room: number }) {
  const [sizes, setSizes] = useState<Record<string, number>>({});
  const table = useRef<Table<Row> | null>(null);
  const widths = useWidths(columns.filter((c) => c.id === CHOICE.id || shown.includes(c.id)), space);
  const defs: ColumnDef<Row>[] = columns.map((c) => ({ id: c.id, header: c.title, size: widths.get(c.id) ?? c.width, minSize: 40 }));
  const visibility = Object.fromEntries(columns.map((c) => [c.id, c.id === CHOICE.id || shown.includes(c.id)]));
  const options = {
    data: [] as Row[],
    columns: defs,
    state: { columnVisibility: visibility, columnSizing: sizes, columnOrder: [], columnPinning: { left: [], right: [] } },
    onStateChange: () => undefined,
    renderFallbackValue: null,
    getCoreRowModel: getCoreRowModel<Row>(),
  };
  table.current ??= createTable<Row>(options);
  table.current.setOptions((old) => ({ ...old, ...options }));
  const byId = new Map(columns.map((c) => [c.id, c]));
  const visible = table.current.getVisibleLeafColumns().map((c) => ({ ...byId.get(c.id)!, width: c.getSize(), left: c.getStart() }));
  return { visible, width: table.current.getTotalSize(), resize: (id: string, width: number) => setSizes((s) => ({ ...Object.fromEntries(widths), ...s, [id]: Math.max(40, width) })) };
}

function useRows(scroller: { current: HTMLDivElement | null }, count: number, keep: number, startAt: number, moved: (first: number, last: number) => void) {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const virtualizer = useRef<Virtualizer<HTMLDivElement, HTMLDivElement> | null>(null);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
    scrollPaddingStart: ROW,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    initialOffset: startAt,
    rangeExtractor: (range: { startIndex: number; endIndex: number; overscan: number; count: number }) => {
      const rows = defaultRangeExtractor(range);
      return keep >= 0 && keep < range.count && !rows.includes(keep) ? [...rows, keep].sort((a, b) => a - b) : rows;
    },
    onChange: () => redraw(null as never),
  };
  virtualizer.current ??= new Virtualizer(options);
  virtualizer.current.setOptions(options);
  useLayoutEffect(() => virtualizer.current!._didMount(), []);
  useLayoutEffect(() => virtualizer.current!._willUpdate());
  const items = virtualizer.current.getVirtualItems();
  const first = virtualizer.current.range?.startIndex ?? 0;
  const last = virtualizer.current.range?.endIndex ?? 0;
  useEffect(() => moved(first, last), [first, last, moved, count]);
  return { items, height: virtualizer.current.getTotalSize(), virtualizer: virtualizer.current };
}

export function Grid<Row extends RowData>(props: Props<Row>) {
  const { count, rowAt, keyOf, sort } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const columns = props.onChoose ? [CHOICE as unknown as GridColumn<Row>, ...props.columns] : props.columns;
  const { visible, width, resize } = useColumns(columns, props.shown, useSpace(scroller));
  const [active, setActive] = useState<Cell>(props.startCell ?? { row: -1, column: 0 });
  const wantsFocus = useRef<Cell | null>(props.startCell ? active : null);
  useEffect(() => props.onCell?.(active), [active]);
  const { items, height, virtualizer } = useRows(scroller, count, active.row, props.startAt ?? 0, props.onSight);

  useLayoutEffect(() => {
    if (props.startAt) scroller.current!.scrollTop = props.startAt;
  }, []);

  const column = Math.min(active.column, visible.length - 1);
  const row = Math.min(active.row, count - 1);
  useLayoutEffect(() => {
    // Drawing may come between a key and the place it goes to; and that place may be gone once all rows are known.
    const wanted = wantsFocus.current === active;
    const vanished = active.row >= count && document.activeElement === document.body;
    if (!wanted && !vanished) return;
    const cell = scroller.current!.querySelector<HTMLElement>(`[data-row="${row}"][data-column="${column}"]`);
    if (cell) {
      wantsFocus.current = null;
      cell.focus({ preventScroll: true });
      cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  });

  const move = useCallback((toRow: number, toColumn: number) => {
    const next = { row: Math.max(-1, Math.min(count - 1, toRow)), column: Math.max(0, Math.min(visible.length - 1, toColumn)) };
    wantsFocus.current = next;
    if (next.row >= 0) virtualizer.scrollToIndex(next.row, { align: "auto" });
    setActive(next);
  }, [count, visible.length, virtualizer]);

  const act = (choose: boolean) => {
    const at = visible[column]!;
    if (row < 0) {
      if (at.sortable) props.onSort?.(at.id);
      return;
    }
    const value = rowAt(row);
    if (!value) return;
    if (props.onChoose && choose) props.onChoose(value, !props.chosen?.has(keyOf(value)));
    else props.onOpen?.(value);
  };

  const key = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((scroller.current!.clientHeight - ROW) / ROW) - 1);
    const far = event.ctrlKey || event.metaKey;
    const to: Record<string, [number, number]> = {
      ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      PageDown: [row + page, column], PageUp: [Math.max(row < 0 ? -1 : 0, row - page), column],
      Home: [far ? 0 : row, 0], End: [far ? count - 1 : row, visible.length - 1],
    };
    const target = to[event.key];
    const sideways = event.shiftKey && row < 0 ? { ArrowRight: 16, ArrowLeft: -16 }[event.key] : undefined;
    if (sideways) resize(visible[column]!.id, visible[column]!.width + sideways);
    else if (target) move(...target);
    else if (event.key === "Enter") act(false);
    else if (event.key === " ") act(true);
    else return;
    event.preventDefault();
  };

  const startResize = (event: PointerEvent, id: string, from: number) => {
    event.preventDefault();
    event.stopPropagation();
    const handle = event.currentTarget as HTMLElement;
    const begin = event.clientX;
    handle.setPointerCapture(event.pointerId);
    const moved = (e: PointerEvent) => resize(id, from + e.clientX - begin);
    handle.addEventListener("pointermove", moved);
    handle.addEventListener("pointerup", () => handle.removeEventListener("pointermove", moved), { once: true });
  };

  const cellProps = (r: number, c: number) => ({
    "data-row": r, "data-column": c, tabIndex: r === row && c === column ? 0 : -1,
    onFocusCapture: () => setActive({ row: r, column: c }), // what is in it, too
  });
  const aria = (id: string) => (sort?.id === id ? (sort.desc ? "descending" : "ascending") : undefined);

  return (
    <div class="grid" role="grid" aria-label={props.label} aria-rowcount={props.complete ? count + 1 : -1} aria-colcount={visible.length}
         aria-multiselectable={props.onChoose ? true : undefined} ref={scroller} onKeyDown={key} onScroll={(e) => props.onScroll?.(e.currentTarget.scrollTop)}>
      <div class="grid-head" role="row" aria-rowindex={1} style={{ width: `${width}px` }}>
        {visible.map((c, i) => (
          <div role="columnheader" key={c.id} class={`cell ${c.numeric ? "numeric" : ""}`} aria-colindex={i + 1} aria-sort={aria(c.id)}
               style={{ width: `${c.width}px` }} {...cellProps(-1, i)} onClick={() => c.sortable && props.onSort?.(c.id)}>
            <span class={c.sortable ? "sortable" : undefined}>{c.id === CHOICE.id ? <span class="hidden-label">Select</span> : c.title}</span>
            {aria(c.id) && <Icon name={sort!.desc ? "down" : "up"} />}
            <span class="resizer" aria-hidden="true" onPointerDown={(e) => startResize(e, c.id, c.width)} onClick={(e) => e.stopPropagation()} />
          </div>
        ))}
      </div>
      <div class="grid-body" role="rowgroup" style={{ height: `${height}px`, width: `${width}px` }}>
        {items.map((item) => {
          const value = rowAt(item.index);
          const id = value ? keyOf(value) : `at ${item.index}`;
          const chosen = value ? props.chosen?.has(id) : undefined;
          return (
            // By place, not by what is in it: a row that arrives must not take the focus from its placeholder.
            <div role="row" key={item.index} class={`grid-row ${item.index % 2 ? "odd" : ""} ${props.fresh?.has(id) ? "fresh" : ""}`} aria-rowindex={item.index + 2}
                 aria-selected={props.onChoose ? Boolean(chosen) : undefined} style={{ transform: `translateY(${item.start}px)`, width: `${width}px` }}
                 onDblClick={() => value && props.onOpen?.(value)}>
              {visible.map((c, i) => (
                <div role="gridcell" key={c.id} class={`cell ${c.numeric ? "numeric" : ""}`} aria-colindex={i + 1} style={{ width: `${c.width}px` }} {...cellProps(item.index, i)}
                     onClick={c.id === CHOICE.id && value ? () => props.onChoose?.(value, !chosen) : undefined}>
                  {!value ? (i === 0 || (i === 1 && visible[0]!.id === CHOICE.id) ? <span class="soft">…</span> : null)
                    : c.id === CHOICE.id ? <span class={`tick ${chosen ? "on" : ""}`} role="img" aria-label={chosen ? "selected" : "not selected"}>{chosen && <Icon name="check" />}</span>
                    : c.cell(value)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
      {count === 0 && props.complete && <div class="grid-empty" role="row"><div role="gridcell" aria-colspan={visible.length}>{props.empty}</div></div>}
    </div>
  );
}
