/**
 * The script that becomes the snapshot: it installs the web platform's globals and leaves one boot function behind,
 * which joins an isolate to its host. See boundary.ts for the messages and their invariants.
 */

import {
  type Ask,
  BOOT_GLOBAL,
  type Enter,
  EnterOp,
  FailureKind,
  LOAD_GLOBAL,
  type Post,
  PostOp,
} from "./boundary.ts";
import { console, refillLogBudget, setCurrentRequest } from "./console.ts";
import { crypto } from "./crypto.ts";
import { TextDecoder, TextEncoder } from "./encoding.ts";
import { type Context, describe, type Handle, MethodNotAllowed, resolveHandler } from "./handler.ts";
import { Headers } from "./headers.ts";
import { connectHost, postToHost } from "./host-link.ts";
import { createRequest, Request } from "./request.ts";
import { Response, responseParts } from "./response.ts";
import { closeSnapshotGaps } from "./snapshot-gaps.ts";
import { clearInterval, clearTimeout, fireTimer, setInterval, setTimeout } from "./timers.ts";
import { URL, URLSearchParams } from "./url.ts";

const globals = {
  self: globalThis,
  console,
  crypto,
  Headers,
  Request,
  Response,
  URL,
  URLSearchParams,
  TextDecoder,
  TextEncoder,
  setTimeout,
  setInterval,
  clearTimeout,
  clearInterval,
  queueMicrotask: (callback: () => void) => {
    // A rejection that nobody handles is how the host hears of what the callback throws.
    void Promise.resolve().then(() => callback());
  },
};
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
// An isolate's thread must not be put to sleep from inside: no limit would end it.
Reflect.deleteProperty(Atomics, "wait");
Reflect.deleteProperty(Atomics, "waitAsync");

/** Ids of the requests that have no answer yet. */
const open = new Set<number>();
let handle: Handle | undefined;

/** Gets ready for the function's module: the entry module hands its exports over when its top level is over. */
function expect(envJson: string): void {
  const env = Object.freeze(JSON.parse(envJson) as Record<string, string>);
  const load = (exports: Record<string, unknown>) => {
    const resolved = resolveHandler(exports, env);
    if (typeof resolved !== "string") handle = resolved;
    postToHost(PostOp.loaded, typeof resolved === "string" ? resolved : "");
  };
  Object.defineProperty(globalThis, LOAD_GLOBAL, { configurable: true, value: load });
}

const enter: Enter = (op, id, ...rest) => {
  refillLogBudget();
  if (op === EnterOp.timer) return fireTimer(id);
  const [method, url, headerBlock, body, requestId, deadline] = rest;
  const request = createRequest(
    method as string,
    url as string,
    headerBlock as string,
    body as ArrayBuffer | undefined,
  );
  serve(id, request, { requestId: requestId as string, deadline: deadline as number });
};

function serve(id: number, request: Request, context: Context): void {
  open.add(id);
  setCurrentRequest(id);
  try {
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
  attributeLogs();
}

function answer(id: number, value: unknown): void {
  if (!open.delete(id)) return;
  try {
    const parts = responseParts(value);
    if (parts === undefined)
      postToHost(PostOp.failure, id, FailureKind.noResponse, `it returned ${describe(value)}`);
    else postToHost(PostOp.response, id, parts.status, parts.headerBlock, transferable(parts.body));
  } catch (error) {
    postToHost(PostOp.failure, id, FailureKind.threw, textOf(error));
  }
  attributeLogs();
}

function fail(id: number, error: unknown): void {
  if (!open.delete(id)) return;
  if (error instanceof MethodNotAllowed) {
    postToHost(PostOp.failure, id, FailureKind.methodNotAllowed, error.allow);
  } else {
    postToHost(PostOp.failure, id, FailureKind.threw, textOf(error));
  }
  attributeLogs();
}

/** Between two entries a log line belongs to a request only where there is just one. */
function attributeLogs(): void {
  setCurrentRequest(open.size === 1 ? (open.values().next().value ?? 0) : 0);
}

/** The stack of an error, or the text of what else was thrown. Reading it may run user code, and fail. */
function textOf(error: unknown): string {
  try {
    if (error instanceof Error) return withCause(error);
    return `Uncaught ${typeof error === "string" ? JSON.stringify(error) : String(error)}`;
  } catch {
    return "Uncaught value that cannot be shown";
  }
}

function withCause(error: Error): string {
  const own = `${error.stack ?? error}`;
  return error.cause instanceof Error && error.cause !== error
    ? `${own}\nCaused by: ${withCause(error.cause)}`
    : own;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function transferable(body: string | Uint8Array | undefined): string | ArrayBuffer | undefined {
  if (body === undefined || typeof body === "string") return body;
  const isWhole = body.byteLength === body.buffer.byteLength;
  return (isWhole ? body.buffer : body.slice().buffer) as ArrayBuffer;
}

Object.defineProperty(globalThis, BOOT_GLOBAL, {
  configurable: true,
  value: (post: Post, ask: Ask) => {
    connectHost({ post, ask });
    return { enter, expect };
  },
});

closeSnapshotGaps();
