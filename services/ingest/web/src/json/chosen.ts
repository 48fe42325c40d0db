import type { Row } from "./row.ts";

/** What of the text is selected. The browser's own selection lives in elements that go when they scroll out of
 *  sight, so it is kept as offsets, and given back to what is shown. */
export interface Range {
  anchor: number;
  head: number;
}

/** How the one who shows the rows finds places. */
export interface Places {
  /** null: the place is not in the text */
  offsetOf(node: Node, offset: number): number | null;
  /** the nearest place that is in the document, and the offset that this one has */
  placeOf(offset: number): { row: Row; column: number; offset: number } | null;
}

export class Chosen {
  range: Range | null = null;
  private given: { anchor: [Node, number]; head: [Node, number] } | null = null;
  /** what is selected is out of sight */
  private away = false;

  constructor(
    private readonly places: Places,
    private readonly moved: (offset: number) => void,
  ) {
    document.addEventListener("selectionchange", this.changed);
  }

  close(): void {
    document.removeEventListener("selectionchange", this.changed);
  }

  get any(): boolean {
    return this.range !== null && this.range.anchor !== this.range.head;
  }

  text(text: string): string {
    const { anchor, head } = this.range!;
    return text.slice(Math.min(anchor, head), Math.max(anchor, head));
  }

  choose(range: Range): void {
    this.range = range;
    this.show();
  }

  /** To be called whenever other rows are shown. */
  show(): void {
    if (!this.any) return;
    const selection = getSelection()!;
    const anchor = this.places.placeOf(this.range!.anchor);
    const head = this.places.placeOf(this.range!.head);
    this.away = !anchor || !head || anchor.offset === head.offset;
    if (this.away) {
      this.given = null;
      return selection.removeAllRanges();
    }
    this.given = { anchor: anchor!.row.placeOf(anchor!.column), head: head!.row.placeOf(head!.column) };
    selection.setBaseAndExtent(...this.given.anchor, ...this.given.head);
  }

  private readonly changed = () => {
    const selection = getSelection()!;
    if (selection.rangeCount === 0) {
      if (!this.away) this.range = null;
      return;
    }
    const same = (place: [Node, number] | undefined, node: Node | null, offset: number) => place !== undefined && place[0] === node && place[1] === offset;
    const anchorKept = same(this.given?.anchor, selection.anchorNode, selection.anchorOffset);
    const headKept = same(this.given?.head, selection.focusNode, selection.focusOffset);
    if (anchorKept && headKept) return;
    // An end that was not touched may lie beyond what is shown: it stays where it was.
    const anchor = anchorKept ? this.range!.anchor : this.places.offsetOf(selection.anchorNode!, selection.anchorOffset);
    const head = headKept ? this.range!.head : this.places.offsetOf(selection.focusNode!, selection.focusOffset);
    this.given = null;
    this.away = false;
    this.range = anchor === null || head === null ? null : { anchor, head };
    if (this.range) this.moved(head!);
  };
}
