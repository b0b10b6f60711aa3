/**
 * The boundary between a host process and an isolate: messages in both directions.
 *
 * Host to isolate: `enter`, with any number of messages (batch.ts). Isolate to host: `post(op, ...)`, which never waits, and
 * `ask(what, ...)`, which waits.
 * `ask` is for the few values that only the host has and that an API must return at once (entropy, IDNA tables). Work that
 * takes time is a call: `post(call)` to the host, `EnterOp.result` back.
 *
 * I1  Only data crosses, always as copies: strings, numbers, booleans, undefined, ArrayBuffers, and plain arrays and
 *     objects of these that the platform itself built. No handle of isolated-vm, no object of the host and no error
 *     object is reachable from user code: `post` and `ask` live in closures. One thing is shared: the window of a stream,
 *     memory that its chunks are copied into. Only the platform knows it, and only the host reads it. So is the
 *     counter of entries (batch.ts).
 * I2  Every entry into an isolate runs under the function's CPU limit: handler, timer, microtask and all others.
 * I3  The host chooses the ids of requests and of inbound streams. The isolate chooses the ids of timers, calls and
 *     outbound streams. Neither side trusts the other's ids: an unknown or finished id is ignored.
 * I4  The host treats every message of an isolate as user input: a handler may have changed any intrinsic.
 * I5  A stream is bytes in one direction under credit. The sender never has more bytes under way than the receiver
 *     granted, and starts with no credit. A stream ends once: by its sender's `end`, or by its receiver's `cancel`.
 * I6  Every entry has an owner, the request that it runs for (owner.ts). Log lines, CPU time and sub-requests count for
 *     the owner. Owner 0 is no request, as at the top level of a module.
 */

/** Host to isolate. */
export const EnterOp = {
  /**
   * (request id, method, url, header block, body, narun request id, deadline in epoch ms). The body: undefined, a text, an
   * ArrayBuffer, or the id of an inbound stream.
   */
  request: 1,
  /** (timer id): the timer is due. */
  timer: 2,
  /** (call id, undefined | error name, value | error message): a call has ended. */
  result: 3,
  /**
   * (inbound stream id, ArrayBuffer | number of bytes in the window, undefined | window): more bytes, within the credit. The
   * window is a SharedArrayBuffer of `INBOUND_WINDOW_BYTES`. From then on bytes may lie in it, one behind the other, round and
   * round (`placeBehind`).
   */
  chunk: 4,
  /** (inbound stream id, undefined | why it broke): the stream is over. */
  end: 5,
  /**
   * (outbound stream id, bytes, undefined | window): credit for more bytes. The window is a SharedArrayBuffer: from then on the
   * stream's chunks may lie in it, one behind the other, none across its end. The credit never exceeds the free window.
   */
  credit: 6,
  /** (outbound stream id): the rest is not wanted. */
  cancel: 7,
  /** (request id, AbortKind): the answer, or its rest, is no longer awaited. */
  abort: 8,
  /** (request id, string | ArrayBuffer): a message of the WebSocket that is the answer to the request. */
  socketMessage: 9,
  /** (request id, code, reason, whether it was clean): the client closed the socket, or disconnected. */
  socketClose: 10,
  /** (request id, bytes): credit for more bytes of messages. */
  socketCredit: 11,
  /** (request id): the request has used up its time. The results of its calls and its timers do not arrive. */
  drop: 12,
  /** (0, bytes): asks whether there is room for the bytes. `PostOp.nearlyFull` if there is none. */
  probe: 13,
  /** The values of `request`, and the place of the handler that takes it in `TRIGGERS`. */
  trigger: 14,
  /** (0): the last request is over: a service ends its work. `PostOp.stopped` follows. */
  stop: 15,
} as const;

/** The handlers of triggers. The boundary has their places. */
export const TRIGGERS = ["scheduled", "queue", "message", "workflow"] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Whether a message begins a request. */
export function beginsRequest(op: number): boolean {
  return op === EnterOp.request || op === EnterOp.trigger;
}

/**
 * Bytes from which a part of an inbound window ends at a multiple of 8, and the next part begins there. V8 copies shared memory
 * word by word where both places are such multiples, and else byte by byte.
 */
const ALIGNED_BYTES = 4 * 1024;
/** Upper bound of the bytes of an inbound window that such ends leave empty: 7 of 4,096, of up to 576 KiB that are in it. */
export const WINDOW_GAP_BYTES = 1024;

/** How many bytes the reader of an inbound stream grants at first. From then on it grants the bytes that it has read. */
export const INBOUND_CREDIT_BYTES = 256 * 1024;
/** How many bytes it grants beside when it gets a window: one half of its bytes come while it reads the other. */
export const INBOUND_MORE_BYTES = 256 * 1024;
/** The size of an inbound window: bytes that came with the message that began a stream have no credit. */
export const INBOUND_WINDOW_BYTES = INBOUND_CREDIT_BYTES + INBOUND_MORE_BYTES + 128 * 1024;

/** Where the next part lies in an inbound window, behind a part that both sides know. */
export function placeBehind(at: number, bytes: number): number {
  const end = at + bytes;
  return (bytes < ALIGNED_BYTES ? end : end + (-end & 7)) % INBOUND_WINDOW_BYTES;
}

/** Isolate to host. */
export const PostOp = {
  /** (request id, status, header block, body: string | ArrayBuffer | undefined | id of an outbound stream) */
  response: 1,
  /** (request id, kind: FailureKind, text): the handler did not produce a response. */
  failure: 2,
  /** (level, text, request id | 0) */
  log: 3,
  /** (timer id, delay in ms, owner). A negative delay: as soon as possible. */
  setTimer: 4,
  /** (timer id) */
  clearTimer: 5,
  /** ("" or why there is no handler): the function's module was evaluated, with its top-level awaits. */
  loaded: 6,
  /** (call id, name, arguments: array of data, owner): answered by `EnterOp.result`, once. */
  call: 7,
  /** (call id): the result is no longer wanted. The host stops the work if it can. */
  cancelCall: 8,
  /** (outbound stream id, ArrayBuffer | string | number of bytes in the window): more bytes, within the credit. */
  chunk: 9,
  /** (outbound stream id, undefined | why it broke, undefined | block of trailers): the stream is over. */
  end: 10,
  /** (inbound stream id, bytes): credit for more bytes. */
  credit: 11,
  /** (inbound stream id): the rest is not wanted. */
  cancel: 12,
  /** (request id): `ctx.waitUntil` was called. The instance stays for work that continues after the answer. */
  background: 13,
  /** (request id): the work of `ctx.waitUntil` is finished. */
  backgroundDone: 14,
  /** (count): number of log lines beyond the bound of one entry. None of them was posted. */
  dropped: 15,
  /** (request id, header block): the answer is a WebSocket (status 101). */
  upgrade: 16,
  /** (request id, string | ArrayBuffer, number of the message): a message for its client (batch.ts, I5). */
  socketMessage: 17,
  /** (request id, code, reason): the function closes the socket. */
  socketClose: 18,
  /** (bytes of WebAssembly's memories): the memory that V8 does not count exceeds the limit (memory-accounting.ts). */
  overMemory: 19,
  /** There is less room than `EnterOp.probe` asked for. */
  nearlyFull: 20,
  /**
   * (numbers behind one another as a text: an outbound stream id and a number of bytes for each chunk, ArrayBuffer): chunks of many
   * streams, one behind the other, each within the credit of its stream.
   */
  chunks: 21,
  /** The work of `onStop` is over. */
  stopped: 22,
  /** (text): calls behind one another, each as of `call` (joined-calls.ts). */
  calls: 23,
} as const;

/** Why a handler produced no response. */
export const FailureKind = {
  threw: 1,
  noResponse: 2,
  /** The function exports handlers by method, but none for this method. The text is the `Allow` header. */
  methodNotAllowed: 3,
  /** An allocation was refused, and its error ended the handler. */
  outOfMemory: 4,
  /** The module has no handler for such a request. The text is the handler's name. */
  noHandler: 5,
} as const;

/** Why an answer is no longer awaited. */
export const AbortKind = {
  clientGone: 1,
  deadline: 2,
  /** The instance or the caller drains. */
  drain: 3,
  /** The answer was complete, but the time of `ctx.waitUntil` is over. */
  background: 4,
  /** Like `drain`, for an answer without an end: its `request.signal` is aborted as well. */
  drainEndless: 5,
} as const;

/** The questions of `ask`. */
export const AskFor = {
  /** (bytes) → ArrayBuffer of random bytes */
  entropy: 1,
  /** (domain) → its ASCII form (UTS 46), or "" for an invalid domain */
  asciiDomain: 2,
  /** () → the tables of the multi-byte encodings, as JSON */
  encodingTables: 3,
  /** ([operation, algorithm, length | algorithm | null]) → "yes" if `crypto.subtle` supports it, or "" */
  cryptoSupport: 4,
  /** () → the library that shows objects as text: the source of a CommonJS module */
  inspectLibrary: 5,
  /** () → "", after the host has handled everything that was posted before */
  heard: 6,
} as const;

/** The values that cross the boundary (I1). */
export type Data =
  | string
  | number
  | boolean
  | null
  | undefined
  | ArrayBuffer
  | Data[]
  | { [key: string]: Data };

/** A message into the isolate: `EnterOp`, an id, and the values of the operation. */
export type EnterMessage = readonly [op: number, id: number, ...values: unknown[]];
export type Post = (op: number, a?: unknown, b?: unknown, c?: unknown, d?: unknown) => void;
export type Ask = (what: number, argument: unknown) => unknown;

/** The global that holds the platform's boot function in the snapshot. It is deleted before user code runs. */
export const BOOT_GLOBAL = "__narunBoot";

/** The global that holds the platform's `load`. The entry module reads and deletes it before user code runs. */
export const LOAD_GLOBAL = "__narunLoad";

/** The global that holds V8's function that runs all microtasks (engine.ts). It is deleted while the snapshot is made. */
export const MICROTASKS_GLOBAL = "__narunMicrotasks";

/** The file name of the platform in stacks. */
export const PLATFORM_FILE = "narun:platform";

/**
 * Parses header fields, which cross as one string, `name\nvalue\n…`. Names and values cannot contain a line feed, and one
 * string costs a tenth of an array of pairs.
 */
export function splitHeaderBlock(block: string): [string, string][] {
  if (block === "") return [];
  const parts = block.split("\n");
  const fields: [string, string][] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) fields.push([parts[i] ?? "", parts[i + 1] ?? ""]);
  return fields;
}
