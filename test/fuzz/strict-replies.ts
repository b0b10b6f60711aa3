import type { ReplyReceiver } from "../../local/index.ts";

/** The beginning of every body of an honest host. */
export const HONEST = "honest";

/** Hears the replies to one request of a lying host, and notes every broken promise of the connection. */
export class StrictReplies implements ReplyReceiver {
  readonly number: number;
  readonly faults: string[] = [];
  /** Resolves when nothing more may come. */
  readonly over: Promise<void>;
  readonly #end: () => void;
  #isOver = false;

  constructor(number: number) {
    this.number = number;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#end = resolve;
  }

  onResponse(status: number, _block: string, body: Uint8Array | undefined): void {
    this.#hear("a response");
    if (status !== 101 && (status < 200 || status > 599)) this.faults.push(`it got the status ${status}`);
    this.#look(body);
    this.#close();
  }

  onHead(): void {
    this.#hear("a head");
  }

  onError(): void {
    this.#hear("an error");
    this.#close();
  }

  onFrame(_frame: unknown, payload: Uint8Array): void {
    this.#hear("a frame");
    this.#look(payload);
  }

  onEnd(): void {
    this.#hear("the end");
    this.#close();
  }

  /** The request was given up. */
  release(): void {
    this.#close();
  }

  #hear(what: string): void {
    if (this.#isOver) this.faults.push(`request ${this.number} got ${what} after its end`);
  }

  #look(body: Uint8Array | undefined): void {
    if (Buffer.from(body ?? "").includes(HONEST))
      this.faults.push(`request ${this.number} got the answer of another host`);
  }

  #close(): void {
    this.#isOver = true;
    this.#end();
  }
}
