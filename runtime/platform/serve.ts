/**
 * Requests inside the isolate: from the host's message to the handler, from its response to the host.
 *
 * I1  Every request is answered by one `response` or one `failure`.
 * I2  A body that is a stream follows its response under credit; where it breaks, the host is told so, and never that
 *     it is complete.
 * I3  After `abort` the request's signal is aborted, and the stream of its answer cancelled. An answer that comes all
 *     the same is posted: the host ignores it.
 */
import { FailureKind, PostOp } from "./boundary.ts";
import { errorText } from "./error-text.ts";
import { createRequest } from "./fetch/request.ts";
import { responseParts } from "./fetch/response.ts";
import { type Context, describe, type Handle, MethodNotAllowed } from "./handler.ts";
import { postToHost } from "./host-link.ts";
import { type Inbound, openInbound } from "./inbound.ts";
import { openOutbound } from "./outbound.ts";
import { setOwner } from "./owner.ts";
import type { ReadableStream } from "./streams.ts";

let handle: Handle | undefined;

/** Ids of the requests that have no answer yet. */
const unanswered = new Set<number>();

export function useHandler(handler: Handle): void {
  handle = handler;
}

/** `message` is what EnterOp.request says after the id. */
export function serveRequest(id: number, message: readonly unknown[]): void {
  const [method, url, headerBlock, body, requestId, deadline] = message;
  setOwner(id);
  unanswered.add(id);
  try {
    const request = createRequest(method as string, url as string, headerBlock as string, bodyOf(body));
    const context: Context = { requestId: requestId as string, deadline: deadline as number };
    const result = handle?.(request, context);
    if (isThenable(result)) {
      Promise.resolve(result).then(
        (value) => answer(id, value),
        (error) => fail(id, error),
      );
    } else answer(id, result);
  } catch (error) {
    fail(id, error);
  }
}

function bodyOf(body: unknown): Inbound | ArrayBuffer | undefined {
  return typeof body === "number" ? openInbound(body) : (body as ArrayBuffer | undefined);
}

function answer(id: number, value: unknown): void {
  if (!unanswered.delete(id)) return;
  try {
    const parts = responseParts(value);
    if (parts === undefined)
      postToHost(PostOp.failure, id, FailureKind.noResponse, `it returned ${describe(value)}`);
    else postToHost(PostOp.response, id, parts.status, parts.headerBlock, sendable(parts.body));
  } catch (error) {
    postToHost(PostOp.failure, id, FailureKind.threw, errorText(error));
  }
}

function sendable(
  body: string | Uint8Array | ReadableStream<unknown> | undefined,
): string | ArrayBuffer | number | undefined {
  if (body === undefined || typeof body === "string") return body;
  if (!(body instanceof Uint8Array)) return sendStream(body);
  const isWhole = body.byteLength === body.buffer.byteLength;
  return (isWhole ? body.buffer : body.slice().buffer) as ArrayBuffer;
}

/** Sends a stream as fast as its reader takes it; returns the id under which it goes. */
export function sendStream(stream: ReadableStream<unknown>): number {
  const outbound = openOutbound();
  const reader = stream.getReader();
  outbound.cancelled.then(() => reader.cancel("nobody reads the response any more").catch(() => undefined));
  const pump = async () => {
    try {
      // Nothing is read before somebody wants it: a stream that is lazily made is made for a reader.
      for (await outbound.ready(); outbound.isOpen; await outbound.ready()) {
        const { done, value } = await reader.read();
        if (done) return outbound.end();
        if (!(value instanceof Uint8Array))
          throw new TypeError(`a body's stream gave ${describe(value)}, not a Uint8Array`);
        await outbound.write(value);
      }
    } catch (error) {
      outbound.fail(errorText(error));
    }
  };
  void pump();
  return outbound.id;
}

function fail(id: number, error: unknown): void {
  if (!unanswered.delete(id)) return;
  if (error instanceof MethodNotAllowed)
    postToHost(PostOp.failure, id, FailureKind.methodNotAllowed, error.allow);
  else postToHost(PostOp.failure, id, FailureKind.threw, errorText(error));
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
