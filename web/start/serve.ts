/**
 * Requests inside the isolate: from the host's message to the handler, from the handler's response to the host.
 *
 * I1  Every request is answered by one `response` or one `failure`.
 * I2  A streamed body follows its response under credit. If it breaks, the host is told so, and never that it is complete.
 * I3  A request is forgotten when it is over (context.ts, `isOver`), or aborted.
 * I4  After `abort` the request's signal is aborted, and the stream of its answer cancelled. A later answer is still
 *     posted, and ignored by the host.
 * I5  No handler begins after its request's deadline: the host may have told the caller so (NOT_BEGUN).
 */

import { errorText } from "../console/error-text.ts";
import { createRequest } from "../fetch/request.ts";
import { responseParts } from "../fetch/response.ts";
import { AbortKind, FailureKind, PostOp, TRIGGERS } from "../host/boundary.ts";
import { postToHost } from "../host/host-link.ts";
import { openInbound } from "../host/inbound.ts";
import type { ByteSource } from "../host/inbound-stream.ts";
import { sendStream } from "../host/send-stream.ts";
import { openClientSocket } from "../websocket/client-sockets.ts";
import type { WebSocket } from "../websocket/websocket.ts";
import { Serving } from "./context.ts";
import { answerText } from "./entries.ts";
import { describe, type Handle, type Handlers, MethodNotAllowed, NoSuchHandler } from "./handler.ts";
import { setOwner } from "./owner.ts";

// Workflows replace it.
const { now } = Date;

let handlers: Handlers | undefined;

/**
 * The open requests: without an answer, with a streaming answer, or with work in the background. The old tables of a map would
 * keep all of them from V8's collector (contracts/number-table.ts).
 */
const open: Serving[] = [];

function put(serving: Serving): void {
  serving.place = open.length;
  open.push(serving);
}

function remove(serving: Serving): void {
  const { place } = serving;
  if (place === undefined) return;
  serving.place = undefined;
  const last = open.pop();
  if (last === undefined || last === serving) return;
  last.place = place;
  open[place] = last;
}

export function useHandlers(found: Handlers): void {
  handlers = found;
}

/** The values of `EnterOp.request`. */
export interface IncomingRequest {
  readonly id: number;
  readonly method: string;
  readonly url: string;
  readonly headerBlock: string;
  /** A number is the id of an inbound stream. */
  readonly body: string | ArrayBuffer | number | undefined;
  readonly requestId: string;
  readonly deadline: number;
}

export function serveRequest(incoming: IncomingRequest): void {
  serveWith(incoming, handlers?.fetch);
}

/** Serves a request that the handler of a trigger takes. `place`: the trigger's in `TRIGGERS`. */
export function serveTrigger(incoming: IncomingRequest, place: number): void {
  serveWith(incoming, async (request, context) => {
    const result = await handlers?.trigger(TRIGGERS[place] ?? "scheduled", request, context);
    if (result?.threw !== undefined)
      postToHost(PostOp.log, "error", errorText(result.threw.error), incoming.id);
    return result?.response;
  });
}

function serveWith(incoming: IncomingRequest, handle: Handle | undefined): void {
  const { id, method, url, headerBlock, body } = incoming;
  setOwner(id);
  // A deadline of 0 is none.
  if (incoming.deadline > 0 && now() >= incoming.deadline) return;
  const serving = new Serving(id, incoming.requestId, incoming.deadline, closeIfOver);
  try {
    const content = typeof body === "number" ? openInbound(body) : body;
    const request = createRequest(method, url, headerBlock, content, serving);
    const result = handle?.(request, serving.context);
    if (isThenable(result)) {
      put(serving);
      Promise.resolve(result).then(
        (value) => answer(serving, value),
        (error) => fail(serving, error),
      );
    } else answer(serving, result);
  } catch (error) {
    fail(serving, error);
  }
  // No other entry begins before.
  if (!serving.isOver && serving.place === undefined) put(serving);
}

/** The answer, or its rest, is no longer awaited. */
export function abortRequest(id: number, kind: unknown): void {
  const serving = open.find((one) => one.id === id);
  if (serving === undefined) return;
  setOwner(id);
  serving.abort(kind);
  // The handler may never finish.
  if (kind !== AbortKind.drain && kind !== AbortKind.drainEndless) remove(serving);
}

function closeIfOver(serving: Serving): void {
  if (serving.isOver) remove(serving);
}

function answer(serving: Serving, value: unknown): void {
  const { id } = serving;
  serving.isAnswered = true;
  try {
    const parts = responseParts(value);
    if (parts === undefined)
      postToHost(PostOp.failure, id, FailureKind.noResponse, `it returned ${describe(value)}`);
    else if (parts.webSocket !== undefined) answerWithSocket(serving, parts.webSocket, parts.headerBlock);
    else if (parts.body === undefined || typeof parts.body === "string")
      answerText(id, parts.status, parts.headerBlock, parts.body);
    else postToHost(PostOp.response, id, parts.status, parts.headerBlock, sendable(serving, parts.body));
  } catch (error) {
    postToHost(PostOp.failure, id, kindOf(error), errorText(error));
  }
  closeIfOver(serving);
}

function answerWithSocket(serving: Serving, socket: WebSocket, headerBlock: string): void {
  openClientSocket(serving.id, socket, () => {
    serving.isStreaming = false;
    closeIfOver(serving);
  });
  serving.isStreaming = true;
  postToHost(PostOp.upgrade, serving.id, headerBlock);
}

function sendable(serving: Serving, body: Uint8Array | ByteSource): ArrayBuffer | number {
  if (!(body instanceof Uint8Array)) {
    serving.isStreaming = true;
    const onOver = () => {
      serving.isStreaming = false;
      closeIfOver(serving);
    };
    return sendStream(body, onOver, () => serving.trailerBlock);
  }
  const isWhole = body.byteLength === body.buffer.byteLength;
  return (isWhole ? body.buffer : body.slice().buffer) as ArrayBuffer;
}

function fail(serving: Serving, error: unknown): void {
  const { id } = serving;
  serving.isAnswered = true;
  const missing = missingOf(error);
  if (missing instanceof MethodNotAllowed)
    postToHost(PostOp.failure, id, FailureKind.methodNotAllowed, missing.allow);
  else if (missing !== undefined) postToHost(PostOp.failure, id, FailureKind.noHandler, missing.name);
  else postToHost(PostOp.failure, id, kindOf(error), errorText(error));
  closeIfOver(serving);
}

function missingOf(error: unknown): MethodNotAllowed | NoSuchHandler | undefined {
  try {
    return error instanceof MethodNotAllowed || error instanceof NoSuchHandler ? error : undefined;
  } catch {
    // A proxy that throws.
    return undefined;
  }
}

/** V8's messages for a lack of room for a buffer or a memory. */
const NO_ROOM = new Set([
  "Array buffer allocation failed",
  "WebAssembly.Memory(): could not allocate memory",
  "WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance",
]);

function kindOf(error: unknown): number {
  try {
    const isNoRoom = error instanceof RangeError && NO_ROOM.has(error.message);
    return isNoRoom ? FailureKind.outOfMemory : FailureKind.threw;
  } catch {
    return FailureKind.threw;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
