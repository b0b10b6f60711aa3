/**
 * What every sandbox needs from its host, whatever it is used for: timers, calls, streams.
 */
import { type Data, PostOp } from "../../../web/index.ts";
import type { EnterMessage, OnPost } from "../engine.ts";
import { createHostCalls, type HostCallsOptions, type HostOperations } from "./host-calls.ts";
import { createIsolateStreams, type IsolateStreams } from "./isolate-streams.ts";
import { createIsolateTimers } from "./isolate-timers.ts";

export interface IsolateLink {
  readonly streams: IsolateStreams;
  /** Takes what is about timers, calls and streams; false: it is about something else. All of it is user input. */
  receive(...message: Parameters<OnPost>): boolean;
  /** The sandbox is gone, or goes. */
  close(): void;
}

export interface IsolateLinkOptions {
  /** Enters the sandbox on behalf of a request (0: nobody's). */
  enter(owner: number, ...message: EnterMessage): void;
  operations: HostOperations;
  /** `limits.timers`. Default 10,000. */
  maxTimers?: number;
  requestOf?: HostCallsOptions["requestOf"];
  /** The isolate's platform does what it never does by itself. */
  onViolation(what: string): void;
  onCallError(name: string, error: unknown): void;
}

const DEFAULT_MAX_TIMERS = 10_000;

export function createIsolateLink({
  enter,
  operations,
  maxTimers = DEFAULT_MAX_TIMERS,
  requestOf,
  onViolation,
  onCallError,
}: IsolateLinkOptions): IsolateLink {
  const timers = createIsolateTimers(maxTimers, enter);
  const streams = createIsolateStreams({ enter, onViolation });
  const calls = createHostCalls({
    operations,
    streams,
    requestOf,
    enter: (owner, op, id, errorName, value: Data) => enter(owner, op, id, errorName, value),
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
        case PostOp.cancelCall:
          calls.cancel(a);
          return true;
        case PostOp.chunk:
          streams.chunk(a, b);
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
