/**
 * The messages between the thread of an instance and the thread of its code. The rest are the messages of isolates
 * (web/host/boundary.ts).
 * All that the code's thread posts is user input.
 */
import type { EgressOptions } from "../../../machine/index.ts";
import type { EnvPlan } from "../../../web/index.ts";
import type { AbortReason } from "../../instance/sandbox.ts";

/** The data with which the code's thread starts. */
export interface ThreadStart {
  /** Whether `fetch` carries on the trace of its request. */
  handsOnTraces: boolean;
  /** Whether spans are made of its calls of `fetch`. */
  isTraced: boolean;
  /** The rules of its connections. */
  egress: EgressOptions;
  bundle: Uint8Array;
  env: EnvPlan;
  /** The number of requests that the thread has taken: in memory that both share, as a thread that is blocked posts nothing. */
  taken: BigInt64Array;
}

export const ThreadOp = {
  /** To the code: (number). */
  ping: 101,
  /** To the instance: (number), of the ping. */
  pong: 102,
  /** To the instance: (SandboxStart). */
  started: 103,
  /** To the instance: (request id, ErrorCode). */
  failed: 104,
  /** To the instance: (level, text, id of the request for its client). */
  wrote: 105,
  /** To the instance: (request id): the code has taken the oldest message of the request's WebSocket. */
  taken: 106,
  /** To the instance: (request id, span id, milliseconds, method, URL, status?, error?): a call of `fetch` is over. */
  fetched: 107,
} as const;

/** The reasons of an abort, by their numbers in `EnterOp.abort`. */
export const ABORT_REASONS: readonly AbortReason[] = [
  "client gone",
  "deadline",
  "drain",
  "drain endless",
  "background",
];
