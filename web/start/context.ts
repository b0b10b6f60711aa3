/**
 * The context of a request, and the two signals that report the end of the wait for its answer.
 *
 * I1  Everything is made on demand: most handlers read neither signal.
 * I2  `request.signal` is aborted when the client has disconnected or the deadline has passed, and when an event stream
 *     drains. `ctx.signal` is aborted in all these cases, and at every other drain.
 * I3  The host is told when the first work of `waitUntil` begins, and when the last ends.
 */

import { errorText } from "../console/error-text.ts";
import { type AbortSignal, abortSignal, createAbortSignal } from "../dom/abort.ts";
import { DOMException } from "../dom/dom-exception.ts";
import { Headers, headersToBlock } from "../fetch/headers.ts";
import { AbortKind, PostOp } from "../host/boundary.ts";
import { postToHost } from "../host/host-link.ts";

/** One request that the isolate has not finished. */
export class Serving {
  readonly id: number;
  readonly context: Context;
  /** The answer was posted. Its body may still stream. */
  isAnswered = false;
  /** Its index among the open requests; undefined where it is not one of them. */
  place: number | undefined;
  isStreaming = false;
  #requestSignal: AbortSignal | undefined;
  #contextSignal: AbortSignal | undefined;
  #reason: { ofRequest: DOMException | undefined; ofContext: DOMException } | undefined;
  #trailers: Headers | undefined;
  #background = 0;
  readonly #onBackgroundOver: (serving: Serving) => void;

  constructor(id: number, requestId: string, deadline: number, onBackgroundOver: (serving: Serving) => void) {
    this.id = id;
    this.#onBackgroundOver = onBackgroundOver;
    this.context = new Context(this, requestId, deadline);
  }

  /** The header fields after the body of a streamed answer. */
  get trailers(): Headers {
    this.#trailers ??= new Headers();
    return this.#trailers;
  }

  get trailerBlock(): string | undefined {
    return this.#trailers && headersToBlock(this.#trailers);
  }

  get isOver(): boolean {
    return this.isAnswered && !this.isStreaming && this.#background === 0;
  }

  /** The signal of the request (`SignalSource`). */
  get(): AbortSignal {
    this.#requestSignal ??= signalOf(this.#reason?.ofRequest);
    return this.#requestSignal;
  }

  get contextSignal(): AbortSignal {
    this.#contextSignal ??= signalOf(this.#reason?.ofContext);
    return this.#contextSignal;
  }

  abort(kind: unknown): void {
    const reason = reasonOf(kind);
    const isOfRequest = OF_REQUEST.has(kind);
    this.#reason = { ofRequest: isOfRequest ? reason : this.#reason?.ofRequest, ofContext: reason };
    if (isOfRequest && this.#requestSignal !== undefined) abortSignal(this.#requestSignal, reason);
    if (this.#contextSignal !== undefined) abortSignal(this.#contextSignal, reason);
  }

  waitUntil(work: unknown): void {
    if (this.#background === 0) postToHost(PostOp.background, this.id);
    this.#background += 1;
    Promise.resolve(work).then(
      () => this.#endBackground(),
      (error: unknown) => {
        postToHost(PostOp.log, "error", `work of ctx.waitUntil failed: ${errorText(error)}`, this.id);
        this.#endBackground();
      },
    );
  }

  #endBackground(): void {
    this.#background -= 1;
    if (this.#background > 0) return;
    postToHost(PostOp.backgroundDone, this.id);
    this.#onBackgroundOver(this);
  }
}

/** `ctx`, a handler's third argument. */
export class Context {
  readonly #serving: Serving;
  readonly requestId: string;
  /** Time in epoch milliseconds after which the answer is no longer awaited. */
  readonly deadline: number;

  constructor(serving: Serving, requestId: string, deadline: number) {
    this.#serving = serving;
    this.requestId = requestId;
    this.deadline = deadline;
  }

  /** Aborted when the answer is no longer awaited, or the instance is about to end. */
  get signal(): AbortSignal {
    return Context.#servingOf(this, "signal").contextSignal;
  }

  /** Header fields that are sent after a streamed body (RFC 9110, section 6.5). They may be set until the body ends. */
  get trailers(): Headers {
    return Context.#servingOf(this, "trailers").trailers;
  }

  /**
   * Keeps the instance until the promise settles, at most for `limits.waitUntilMs` after the answer. The function is bound to
   * its request: `const { waitUntil } = ctx` works.
   */
  get waitUntil(): (work: unknown) => void {
    const serving = Context.#servingOf(this, "waitUntil");
    return (work) => serving.waitUntil(work);
  }

  /** Tracers replace it by a function of their own. */
  set waitUntil(value: unknown) {
    Object.defineProperty(this, "waitUntil", { value, writable: true, enumerable: true, configurable: true });
  }

  static #servingOf(context: Context, member: string): Serving {
    if (#serving in context) return context.#serving;
    throw new TypeError(
      `Illegal invocation: ctx.${member} was asked of a copy or a proxy of ctx: take it from the ctx that the handler is given`,
    );
  }
}

const OF_REQUEST = new Set<unknown>([AbortKind.clientGone, AbortKind.deadline, AbortKind.drainEndless]);

function signalOf(reason: DOMException | undefined): AbortSignal {
  const signal = createAbortSignal();
  if (reason !== undefined) abortSignal(signal, reason);
  return signal;
}

function reasonOf(kind: unknown): DOMException {
  switch (kind) {
    case AbortKind.deadline:
      return new DOMException("The time for this request is over", "TimeoutError");
    case AbortKind.background:
      return new DOMException("The time of ctx.waitUntil is over", "TimeoutError");
    case AbortKind.drain:
    case AbortKind.drainEndless:
      return new DOMException("The instance is about to end", "AbortError");
    default:
      return new DOMException("The client did not wait for the answer", "AbortError");
  }
}
