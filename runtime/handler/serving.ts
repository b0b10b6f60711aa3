/**
 * One request in the hands of a handler: its context, and the two signals that report the end of the wait for its answer.
 *
 * I1  `request.signal` is aborted when the client has left or the time is over, and when an event stream drains. `ctx.signal`
 *     is aborted in all these cases, and at every other drain.
 * I2  The instance is told when the first work of `waitUntil` begins, and when the last ends.
 */
import type { Context } from "../../functions/sdk/index.ts";
import type { AbortReason } from "../instance/sandbox.ts";

/** The reports of a request about its work after the answer. */
export interface BackgroundReports {
  begin(): void;
  end(): void;
  failed(error: unknown): void;
}

const OF_REQUEST = new Set<AbortReason>(["client gone", "deadline", "drain endless"]);

export class Serving {
  readonly id: number;
  readonly requestId: string;
  readonly context: Context;
  readonly #request = new AbortController();
  #context: AbortController | undefined;
  #contextReason: DOMException | undefined;
  #trailers: Headers | undefined;
  #background = 0;

  constructor(
    { id, requestId, deadline }: { id: number; requestId: string; deadline: number },
    reports: BackgroundReports,
  ) {
    this.id = id;
    this.requestId = requestId;
    this.context = this.#createContext(deadline, reports);
  }

  /** The signal for `request.signal`. */
  get signal(): AbortSignal {
    return this.#request.signal;
  }

  /** The fields after the body of a streamed answer, as a header block. */
  get trailerBlock(): string | undefined {
    return this.#trailers && blockOf(this.#trailers);
  }

  abort(reason: AbortReason): void {
    const why = exceptionOf(reason);
    this.#contextReason ??= why;
    if (OF_REQUEST.has(reason)) this.#request.abort(why);
    this.#context?.abort(why);
  }

  #createContext(deadline: number, reports: BackgroundReports): Context {
    const contextSignal = () => {
      if (this.#context === undefined) {
        this.#context = new AbortController();
        if (this.#contextReason !== undefined) this.#context.abort(this.#contextReason);
      }
      return this.#context.signal;
    };
    const trailers = () => (this.#trailers ??= new Headers());
    return {
      requestId: this.requestId,
      deadline,
      get signal() {
        return contextSignal();
      },
      get trailers() {
        return trailers();
      },
      waitUntil: (work) => this.#waitUntil(work, reports),
    };
  }

  #waitUntil(work: unknown, reports: BackgroundReports): void {
    if (this.#background++ === 0) reports.begin();
    const end = () => {
      if (--this.#background === 0) reports.end();
    };
    Promise.resolve(work).then(end, (error: unknown) => {
      reports.failed(error);
      end();
    });
  }
}

/** The fields of `Headers` as a header block: `name\nvalue\n…`. */
export function blockOf(headers: Iterable<readonly [string, string]>): string {
  let block = "";
  for (const [name, value] of headers) block += `${name}\n${value}\n`;
  return block;
}

function exceptionOf(reason: AbortReason): DOMException {
  switch (reason) {
    case "deadline":
      return new DOMException("The time for this request is over", "TimeoutError");
    case "background":
      return new DOMException("The time of ctx.waitUntil is over", "TimeoutError");
    case "drain":
    case "drain endless":
      return new DOMException("The instance is about to end", "AbortError");
    case "client gone":
      return new DOMException("The client did not wait for the answer", "AbortError");
  }
}
