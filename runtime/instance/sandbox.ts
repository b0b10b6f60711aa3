/**
 * The port between the life of an instance and the code that it runs. Each mode is one `Sandbox`.
 *
 * I1  The instance numbers its requests from 1. 0 means no request: the top level of a module, a timer of the module's own.
 * I2  A sandbox may report about a request that is over: the instance ignores the report, and cancels the stream or socket
 *     that came with it.
 * I3  Everything that a sandbox reports of the function's code is user input. The sandbox checks its own encoding; the
 *     instance checks the values.
 * I4  The sandbox hears of the end of each request once (`forget`), after the request's background work.
 * I5  A sandbox reports nothing while it is constructed, and nothing after `dispose`.
 */
import type { ErrorCode, TriggerKind } from "../../contracts/index.ts";
import type { FunctionLog } from "./function-logs.ts";
import type { RequestTraces } from "./request-traces.ts";

/** The code of one instance: its module, and the requests that it handles. */
export interface Sandbox {
  readonly bodies: SandboxBodies;
  readonly sockets: SandboxSockets;
  /** Starts the code; resolves when it can take requests, or could not become so. */
  start(): Promise<SandboxStart>;
  /** Starts the handler. It reports by `SandboxOwner.requests`. */
  begin(id: number, request: IncomingRequest): void;
  abort(id: number, reason: AbortReason): void;
  /** Behind the deadline of a request: whether no handler began it, and none will. Left out where that is not known. */
  isUnbegun?(id: number): boolean;
  /** A request and its background work are over. */
  forget(id: number): void;
  /** Resolves when a handler that ran into a limit was stopped, or cannot be stopped. Other requests wait behind it. */
  settle(): Promise<void>;
  /** The last request is over: a service ends its work. Default: the code has nothing to end. */
  stop?(): Promise<void>;
  dispose(): void;
}

/** A request as it enters a sandbox. */
export interface IncomingRequest {
  requestId: string;
  method: string;
  url: string;
  headerBlock: string;
  /** The bytes; the text that they are in UTF-8 (body-of.ts); or the id of a stream. */
  body: string | ArrayBuffer | number | undefined;
  /** How long its sender waits for the answer. */
  timeoutMs: number;
  /** The end of that time, as functions may see it: epoch milliseconds by this machine's clock. */
  deadline: number;
  /** How many functions have called each other up to this request. */
  hops: number;
  /** The handler that takes it. Undefined: `fetch`. */
  trigger?: TriggerKind | undefined;
  /** Its caller calls again where no handler began it within its time: a trigger, or a call that was answered before it runs. */
  isReturnable?: boolean;
}

/** Creates the sandbox of one instance. */
export type CreateSandbox = (owner: SandboxOwner) => Sandbox;

/** How a start ended. `phases` are milliseconds by phase. `description`: of a service, in a trial. */
export type SandboxStart =
  | { ok: true; phases: Record<string, number>; description?: string }
  | ({ ok: false } & StartFailure);

export interface StartFailure {
  code: ErrorCode;
  /** One line for people. */
  message: string;
  /** Its places are in the bundle, not in the author's files. */
  stack?: string;
}

/** The codes with which a service refuses its own start (functions/sdk/service/fault.ts). */
const OF_SERVICES = [
  "SERVICE_INVALID",
  "ACTIONS_OVERLAP",
  "GRPC_MISMATCH",
  "SCHEMA_NOT_JSON",
  "SERVICE_NAMED_OTHERWISE",
] as const;

/** The failure of a service that does not start. User input. */
export function refusalOfService(refused: {
  code: string;
  reason: string;
  stack: string | undefined;
}): StartFailure {
  const code = OF_SERVICES.find((one) => one === refused.code) ?? "FUNCTION_START_FAILED";
  const { reason: message, stack } = refused;
  return { code, message, ...(stack === undefined ? {} : { stack }) };
}

/** The reason why a request, or the rest of its answer, is not needed any more. */
export type AbortReason =
  | "client gone"
  | "deadline"
  /** The instance or the caller drains. */
  | "drain"
  /** As `drain`, for an answer that does not end by itself. */
  | "drain endless"
  /** The answer was sent; the time for background work is over. */
  | "background";

/** The bodies of requests and answers as streams under credit: a sender starts with none. */
export interface SandboxBodies {
  /** Opens the body of a request; `id` of the result is the body that the handler gets. */
  openRequest(id: number, receiver: RequestBodyReceiver): RequestBody;
  /** Opens the body of an answer. `body` is user input. Undefined where it is no stream, or is open already. */
  openResponse(id: number, body: unknown, receiver: ResponseBodyReceiver): ResponseBody | undefined;
  /** Cancels the body of an answer that is not used. */
  discard(id: number, body: unknown): void;
}

export interface RequestBody {
  readonly id: number;
  /** Takes the buffer over: it is detached afterwards. */
  push(bytes: ArrayBuffer): void;
  /** Copies the bytes, for the next `flush`. Returns false where there is no memory for them: push them then. */
  copy(bytes: Uint8Array): boolean;
  /** Hands over the copied bytes. */
  flush(): void;
  /** `why`: the body broke. */
  end(why?: string): void;
}

export interface RequestBodyReceiver {
  /** The handler has room for so many more bytes. */
  onCredit(bytes: number): void;
  /** The handler needs no more bytes, or the sandbox ended. */
  onCancel(): void;
}

export interface ResponseBody {
  grant(bytes: number): void;
  cancel(): void;
}

export interface ResponseBodyReceiver {
  /** True: the receiver only passes bytes on, and `done` frees their memory. Default: each chunk has memory of its own. */
  isBorrower?: boolean;
  onChunk(bytes: Uint8Array, done: () => void): void;
  /** `why`: the body broke. `trailers`: a block of header fields that follow the body; user input. */
  onEnd(why: string | undefined, trailers?: string): void;
}

/** The WebSockets that requests were answered with, by the request's id. */
export interface SandboxSockets {
  /** Delivers a message of the client. `onTaken` is called when the code has taken it, or will not. */
  message(id: number, data: string | ArrayBuffer, onTaken: () => void): void;
  /** The code may send so many more bytes. */
  grant(id: number, bytes: number): void;
  close(id: number, code: number, reason: string, wasClean: boolean): void;
}

/** The instance, as its sandbox sees it. */
export interface SandboxOwner {
  readonly requests: Answers & RequestFacts;
  readonly log: FunctionLog;
  /**
   * The code broke a limit and cannot be trusted: the instance ends. Without an `id` every open request fails. Without a
   * `why` the sandbox writes its own line into the log.
   */
  condemn(code: ErrorCode, id: number | undefined, why: string | undefined): void;
  /** The code still works but is nearly full: another instance should take its place. */
  replace(why: string): void;
}

/** The reason why a handler has no response. */
export type RefusalReason =
  | "threw"
  | "no response"
  /** The function has no handler for the method; the text is the value of `Allow`. */
  | "method not allowed"
  /** The function has no handler of the kind; the text is its name. */
  | "no handler";

/** The reports of a sandbox about its requests. Values of type `unknown` are user input. */
export interface Answers {
  /** `body`: a text, bytes, a stream for `SandboxBodies.openResponse`, or none. */
  respond(id: number, status: unknown, headerBlock: unknown, body: unknown): void;
  refuse(id: number, reason: RefusalReason, text: string): void;
  /** The answer is a WebSocket. */
  upgrade(id: number, headerBlock: unknown): void;
  socketMessage(id: number, data: string | ArrayBuffer): void;
  /** `code` and `reason` fit into a close frame. */
  socketClose(id: number, code: number, reason: string): void;
  /** Work goes on after the answer (`ctx.waitUntil`). */
  beginBackground(id: number): void;
  endBackground(id: number): void;
  fail(id: number, code: ErrorCode): void;
}

/** Facts about requests, for work on their behalf. */
export interface RequestFacts {
  /** The traces that requests belong to. Undefined: none. */
  readonly traces?: RequestTraces;
  /** The id that the client knows a request by, also for some time after its end. */
  requestIdOf(id: number | undefined): string | undefined;
  /** An open request: its id for the client, and the end of its time by `performance.now()`. */
  find(id: number): { id: string; endsAtMs: number } | undefined;
  /** True: neither the request nor its background work is open. */
  isOver(id: number): boolean;
  /** Depth of the calls between functions that led to a request. Background work has the depth of the newest request. */
  hopsOf(id: number): number;
}
