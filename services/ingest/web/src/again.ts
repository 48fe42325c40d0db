import { access, awaited, beBack, isOutage } from "./api.ts";

const FIRST_MS = 1_000;
const MOST_MS = 15_000;

let lastSign = Date.now();
for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) addEventListener(kind, () => (lastSign = Date.now()), { passive: true, capture: true });

/** Whether somebody looks at the page. Left alone it stops asking, so that its session can end. */
export function attended(): boolean {
  return !document.hidden && Date.now() - lastSign < 10 * 60_000;
}

/** What an outage left without an answer is asked for again by itself: ever less often, never at the same moment
 *  as all others, and not while nobody looks. */
export class Again {
  private tries = 0;
  private timer = 0;

  /** After `status`: `ask` comes in a while, if that is an outage's. */
  after(status: number, ask: () => void): void {
    this.hold();
    if (!isOutage(status)) return this.stop();
    awaited.add(this);
    const wait = Math.min(MOST_MS, FIRST_MS * 2 ** this.tries++);
    const turn = () => {
      if (attended() && access.value.state === "in") ask();
      else this.timer = window.setTimeout(turn, FIRST_MS);
    };
    this.timer = window.setTimeout(turn, wait * (0.5 + Math.random() / 2));
  }

  /** There is an answer. */
  done(): void {
    this.stop();
    this.tries = 0;
    beBack();
  }

  /** It is asked for at this moment. */
  hold(): void {
    clearTimeout(this.timer);
  }

  stop(): void {
    this.hold();
    awaited.delete(this);
  }
}
