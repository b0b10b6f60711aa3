/**
 * The web platform inside an isolate. Its script becomes the snapshot that every isolate starts from. This file exports
 * the parts for the host: the messages of the boundary, and terms that both sides check.
 *
 * `start/` is the entry: globals, handlers, requests, timers, owners. `host/` has the boundary: messages, calls and
 * streams. `webidl/` converts arguments. Each other folder has one group of interfaces: `bindings/` (the objects of
 * `env`), `cloning/` (`structuredClone`), `compression/`, `console/`, `crypto/`, `dom/` (events, aborts, errors,
 * messages), `encoding/`, `fetch/`, `file/`, `memory/` (accounting, `FinalizationRegistry`, `WebAssembly`),
 * `performance/`, `streams/`, `url/`, `websocket/`. `wpt/` runs the conformance suite.
 */
export { withActions } from "./bindings/action-caller.ts";
export { type Answer as ActionAnswer, pathOfAction, ServiceError } from "./bindings/call-answer.ts";
export type { BindingPlan } from "./bindings/create-binding.ts";
export type { EnvPlan } from "./bindings/env.ts";
export { encodeKvFrame } from "./bindings/kv-frames.ts";
export type { SealPort } from "./bindings/seal-port.ts";
export { openAnswer, SEALED_TYPE, sealCall, sealedBy } from "./bindings/sealed-call.ts";
export { KEY_FORMATS, KEY_USAGES } from "./crypto/key-terms.ts";
export {
  type Answer,
  BATCH_MS,
  type Boundary,
  MAX_CALLS,
  PROGRESS_LENGTH,
  packMessages,
  placeOf,
  RECEIVED,
  splitAnswers,
} from "./host/batch.ts";
export {
  AbortKind,
  AskFor,
  BOOT_GLOBAL,
  beginsRequest,
  type Data,
  type EnterMessage,
  EnterOp,
  FailureKind,
  INBOUND_CREDIT_BYTES,
  INBOUND_MORE_BYTES,
  INBOUND_WINDOW_BYTES,
  LOAD_GLOBAL,
  MICROTASKS_GLOBAL,
  PLATFORM_FILE,
  PostOp,
  placeBehind,
  splitHeaderBlock,
  TRIGGERS,
  WINDOW_GAP_BYTES,
} from "./host/boundary.ts";
export { splitCalls } from "./host/joined-calls.ts";
export { callTrigger, type Take } from "./triggers/handlers.ts";
export { isSendableCloseCode } from "./websocket/close-code.ts";
