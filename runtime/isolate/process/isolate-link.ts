/** Timers, calls and streams of one isolate: the services of the host that every use of an isolate needs. */
import { PostOp, splitCalls } from "../../../web/index.ts";
import type { EnterMessage, OnPost } from "../engine.ts";
import { createHostCalls, type HostCallsOptions, type HostOperations } from "./host-calls.ts";
import { createIsolateStreams, type IsolateStreams } from "./isolate-streams.ts";
import { createIsolateTimers } from "./isolate-timers.ts";

export interface IsolateLink {
  readonly streams: IsolateStreams;
  /** Takes a message of the isolate: user input. Returns false for messages about anything but timers, calls and streams. */
  receive(...message: Parameters<OnPost>): boolean;
  /** Ends all timers, calls and streams. */
  close(): void;
}

export interface IsolateLinkOptions {
  /** Enters the isolate on behalf of a request (0: of none). */
  enter(owner: number, ...message: EnterMessage): void;
  operations: HostOperations;
  /** `limits.timers`. Default 10,000. */
  maxTimers?: number;
  requestOf?: HostCallsOptions["requestOf"];
  traces?: HostCallsOptions["traces"];
  /** The isolate broke its protocol: its platform was tampered with. */
  onViolation(what: string): void;
  onCallError(name: string, error: unknown): void;
}

const DEFAULT_MAX_TIMERS = 10_000;

export function createIsolateLink({
  enter,
  operations,
  maxTimers = DEFAULT_MAX_TIMERS,
  requestOf,
  traces,
  onViolation,
  onCallError,
}: IsolateLinkOptions): IsolateLink {
  const timers = createIsolateTimers(maxTimers, enter);
  const streams = createIsolateStreams({ enter, onViolation });
  const calls = createHostCalls({
    operations,
    streams,
    requestOf,
    traces,
    enter: (owner, op, id, errorName, value) => enter(owner, op, id, errorName, value),
    onError: onCallError,
  });
  let isClosed = false;
  return {
    streams,
    receive(op, a, b, c, d) {
      if (isClosed) return false;
      switch (op) {
        case PostOp.setTimer:
          timers.set(Number(a), Number(b), Number(c) || 0);
          return true;
        case PostOp.clearTimer:
          timers.clear(Number(a));
          return true;
        case PostOp.call:
          calls.call(a, b, c, d);
          return true;
        case PostOp.calls:
          splitCalls(a, calls.call);
          return true;
        case PostOp.cancelCall:
          calls.cancel(a);
          return true;
        case PostOp.chunk:
          streams.chunk(a, b);
          return true;
        case PostOp.chunks:
          streams.chunks(a, b);
          return true;
        case PostOp.end:
          streams.end(a, b, c);
          return true;
        case PostOp.credit:
          streams.credit(a, b);
          return true;
        case PostOp.cancel:
          streams.cancel(a);
          return true;
        default:
          return false;
      }
    },
    close() {
      isClosed = true;
      timers.close();
      calls.close();
      streams.close();
    },
  };
}
