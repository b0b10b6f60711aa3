/**
 * The messages between the thread of an instance and the thread of its code. The rest are the messages of isolates
 * (web/host/boundary.ts).
 * All that the code's thread posts is user input.
 */
import type { EnvPlan } from "../../../web/index.ts";
import type { AbortReason } from "../../instance/sandbox.ts";

/** The data with which the code's thread starts. */
export interface ThreadStart {
  /** Whether `fetch` carries on the trace of its request. */
  handsOnTraces: boolean;
  bundle: Uint8Array;
  env: EnvPlan;
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
} as const;

/** The reasons of an abort, by their numbers in `EnterOp.abort`. */
export const ABORT_REASONS: readonly AbortReason[] = [
  "client gone",
  "deadline",
  "drain",
  "drain endless",
  "background",
];
