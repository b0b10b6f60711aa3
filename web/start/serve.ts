/**
 * Requests inside the isolate: from the host's message to the handler, from the handler's response to the host.
 *
 * I1  Every request is answered by one `response` or one `failure`.
 * I2  A streamed body follows its response under credit. If it breaks, the host is told so, and never that it is complete.
 * I3  A request is forgotten when it is over (context.ts, `isOver`), or aborted.
 * I4  After `abort` the request's signal is aborted, and the stream of its answer cancelled. A later answer is still
 *     posted, and ignored by the host.
 */

import { errorText } from "../console/error-text.ts";
import { createRequest } from "../fetch/request.ts";
import { responseParts } from "../fetch/response.ts";
import { AbortKind, FailureKind, joinAnswer, MAX_ENTERING, PostOp, splitAnswer } from "../host/boundary.ts";
import { postToHost } from "../host/host-link.ts";
import { type Inbound, openInbound } from "../host/inbound.ts";
import type { ByteSource } from "../host/inbound-stream.ts";
import { sendStream } from "../host/send-stream.ts";
import { openClientSocket } from "../websocket/client-sockets.ts";
import type { WebSocket } from "../websocket/websocket.ts";
import { Serving } from "./context.ts";
import { describe, type Handle, MethodNotAllowed } from "./handler.ts";
import { setOwner } from "./owner.ts";

let handle: Handle | undefined;

/** The open requests: without an answer, with a streaming answer, or with work in the background. */
const open = new Map<number, Serving>();

export function useHandler(handler: Handle): void {
  handle = handler;
}

/**
 * `message`: the arguments of `EnterOp.request` after the id. Returns an answer that exists at once (`EnterOp.request`). Any
 * other answer is posted.
 */
export function serveRequest(id: number, message: readonly unknown[]): string | undefined {
  const [method, url, headerBlock, body, requestId, deadline] = message;
  setOwner(id);
  const serving = new Serving(id, requestId as string, deadline as number, () => closeIfOver(serving));
  open.set(id, serving);
  try {
    const request = createRequest(
      method as string,
      url as string,
      headerBlock as string,
      bodyOf(body),
      serving.requestSignal,
    );
    const result = handle?.(request, serving.context);
    if (isThenable(result)) {
      Promise.resolve(result).then(
        (value) => answer(serving, value),
        (error) => fail(serving, error),
      );
      return undefined;
    }
    return answer(serving, result, true);
  } catch (error) {
    fail(serving, error);
    return undefined;
  }
}

/** The answer, or its rest, is no longer awaited. */
export function abortRequest(id: number, kind: unknown): void {
  const serving = open.get(id);
  if (serving === undefined) return;
  setOwner(id);
  serving.abort(kind);
  // The handler may never finish.
  if (kind !== AbortKind.drain && kind !== AbortKind.drainEndless) open.delete(id);
}

function closeIfOver(serving: Serving): void {
  if (serving.isOver) open.delete(serving.id);
}

function bodyOf(body: unknown): Inbound | ArrayBuffer | undefined {
  return typeof body === "number" ? openInbound(body) : (body as ArrayBuffer | undefined);
}

function answer(serving: Serving, value: unknown, isAtOnce = false): string | undefined {
  const { id } = serving;
  let atOnce: string | undefined;
  serving.isAnswered = true;
  try {
    const parts = responseParts(value);
    if (parts === undefined)
      postToHost(PostOp.failure, id, FailureKind.noResponse, `it returned ${describe(value)}`);
    else if (parts.webSocket !== undefined) answerWithSocket(serving, parts.webSocket, parts.headerBlock);
    else if (isAtOnce && isSmall(parts.body)) {
      atOnce = joinAnswer(parts.status, parts.headerBlock, parts.body);
      keep(id, atOnce);
    } else postToHost(PostOp.response, id, parts.status, parts.headerBlock, sendable(serving, parts.body));
  } catch (error) {
    postToHost(PostOp.failure, id, kindOf(error), errorText(error));
  }
  closeIfOver(serving);
  return atOnce;
}

function isSmall(body: unknown): body is string | undefined {
  return body === undefined || (typeof body === "string" && body.length <= MAX_RETURNED_LENGTH);
}

/** Upper bound of the length of a returned answer, as it is kept for a while. A longer answer is posted. */
const MAX_RETURNED_LENGTH = 4 * 1024;

/** The last returned answers in a ring, as many as there can be open entries. */
const kept: { id: number; answer: string }[] = [];
let keptAt = 0;

function keep(id: number, answer: string): void {
  kept[keptAt] = { id, answer };
  keptAt = (keptAt + 1) % MAX_ENTERING;
}

/** The entry of a request ended with the error of an unhandled promise, so its returned answer did not arrive. */
export function postReturned(id: number): void {
  for (let at = 0; at < kept.length; at++) {
    const answer = kept[at]?.id === id ? splitAnswer(kept[at]?.answer) : undefined;
    if (answer === undefined) continue;
    postToHost(PostOp.response, id, answer.status, answer.headerBlock, answer.body);
    return;
  }
}

function answerWithSocket(serving: Serving, socket: WebSocket, headerBlock: string): void {
  openClientSocket(serving.id, socket, () => {
    serving.isStreaming = false;
    closeIfOver(serving);
  });
  serving.isStreaming = true;
  postToHost(PostOp.upgrade, serving.id, headerBlock);
}

function sendable(
  serving: Serving,
  body: string | Uint8Array | ByteSource | undefined,
): string | ArrayBuffer | number | undefined {
  if (body === undefined || typeof body === "string") return body;
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
  const allow = allowOf(error);
  if (allow !== undefined) postToHost(PostOp.failure, id, FailureKind.methodNotAllowed, allow);
  else postToHost(PostOp.failure, id, kindOf(error), errorText(error));
  closeIfOver(serving);
}

function allowOf(error: unknown): string | undefined {
  try {
    return error instanceof MethodNotAllowed ? error.allow : undefined;
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
