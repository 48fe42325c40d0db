import workerAddress from "./worker.ts?worker&url";
import type { Answer, Ask, Form, Shown, Spot, Target } from "./worker.ts";

interface Policy {
  createScriptURL(url: string): string;
}
interface WithTrustedTypes {
  trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
}

/** The one policy there is: scripts of workers, and only those that were built with these pages. */
const policy = (globalThis as WithTrustedTypes).trustedTypes?.createPolicy("fhirbus", {
  createScriptURL(url: string): string {
    const wanted = new URL(url, location.href);
    if (wanted.origin !== location.origin) throw new TypeError("a worker from elsewhere");
    return wanted.href;
  },
});

function startWorker(): Worker {
  const address = policy ? policy.createScriptURL(workerAddress) : workerAddress;
  return new Worker(address, { type: "module" });
}

export interface Opened {
  json: boolean;
  wrong: string | null;
  /** null: places were asked for alone */
  shown: Shown | null;
}

/** A payload, read in a worker of its own. Close it with the page that shows it. */
export class Reader {
  private readonly worker = startWorker();
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private next = 1;

  constructor() {
    this.worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      this.waiting.get(data.id)?.(data);
      this.waiting.delete(data.id);
    });
  }

  private send<T extends Answer>(ask: Ask): Promise<T> {
    return new Promise((resolve) => {
      this.waiting.set(ask.id, resolve as (answer: Answer) => void);
      this.worker.postMessage(ask);
    });
  }

  /** Places are those of the text as it is shown: formatted, or the text itself. */
  async open(text: string, form: Form = "formatted"): Promise<Opened> {
    return this.send<Opened & { id: number }>({ id: this.next++, ask: "open", text, form });
  }

  async spots(targets: Target[]): Promise<(Spot | null)[]> {
    return (await this.send<{ id: number; spots: (Spot | null)[] }>({ id: this.next++, ask: "spots", targets })).spots;
  }

  async pathAt(at: number): Promise<string> {
    return (await this.send<{ id: number; path: string }>({ id: this.next++, ask: "path", at })).path;
  }

  close(): void {
    this.worker.terminate();
  }
}
