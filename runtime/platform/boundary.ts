/**
 * The boundary between a host process and an isolate: messages, both ways.
 *
 * Host to isolate: `enter(op, ...)`. Isolate to host: `post(op, ...)`, which never waits, and `ask(what, ...)`, which
 * does, for the few things that only the host has and that an API must answer at once (entropy, IDNA tables). What takes
 * time is a call: `post(call)` there, `enter(result)` back.
 *
 * I1  Only data crosses, always as copies: strings, numbers, booleans, undefined, ArrayBuffers, and plain arrays and
 *     objects of these that the platform itself built. No handle of isolated-vm, no object of the host and no error
 *     object is reachable from user code: `post` and `ask` live in closures. One thing is shared: the window of a stream,
 *     memory that its chunks are copied into, which the platform alone knows and the host alone reads.
 * I2  Every entry into an isolate runs under the function's CPU limit, whatever it runs: handler, timer, microtask.
 * I3  The host chooses the ids of requests and of inbound streams; the isolate those of timers, calls and outbound
 *     streams. Neither side trusts the other's: an unknown or finished id is ignored.
 * I4  The host treats everything that an isolate posts as user input: a handler may have changed any intrinsic.
 * I5  A stream is bytes in one direction under credit: the sender never has more bytes under way than the receiver
 *     granted, and starts with none. It ends once: by its sender's `end`, or by its receiver's `cancel`.
 * I6  Everything that enters has an owner, the request on whose behalf it was asked for (owner.ts): log lines, CPU time
 *     and sub-requests are put down to it. 0: nobody's, as at the top level of a module.
 */

/** Host to isolate. */
export const EnterOp = {
  /**
   * (request id, method, url, header block, body, narun request id, deadline in epoch ms). The body: undefined, an
   * ArrayBuffer, or the id of an inbound stream. An answer that is there when the entry returns, whose body is a text or
   * none, is what it returns (`joinAnswer`): a message of its own would cost a fifth of a small request.
   */
  request: 1,
  /** (timer id): its time has come. */
  timer: 2,
  /** (call id, undefined | error name, value | error message): a call has ended. */
  result: 3,
  /** (inbound stream id, ArrayBuffer): more bytes, within the credit. */
  chunk: 4,
  /** (inbound stream id, undefined | why it broke): the stream is over. */
  end: 5,
  /**
   * (outbound stream id, bytes, undefined | window): room for so many more. The window is a SharedArrayBuffer: from then on
   * the stream's chunks may lie in it, one behind the other, none around its end; what is granted has room in it.
   */
  credit: 6,
  /** (outbound stream id): nobody wants the rest. */
  cancel: 7,
  /** (request id, AbortKind): nobody waits for the request's answer, or for the rest of it. */
  abort: 8,
  /** (request id, string | ArrayBuffer): a message of the WebSocket that the request was answered with. */
  socketMessage: 9,
  /** (request id, code, reason, whether it was clean): the client closed the socket, or is gone. */
  socketClose: 10,
  /** (request id, bytes): room for so many more bytes of messages. */
  socketCredit: 11,
  /** (request id): it has used up its time, and nothing that it has under way will come back. */
  drop: 12,
  /** (0, bytes): whether there is room for so many more; `PostOp.nearlyFull` where there is none. */
  probe: 13,
} as const;

/** Isolate to host. */
export const PostOp = {
  /** (request id, status, header block, body: string | ArrayBuffer | undefined | id of an outbound stream) */
  response: 1,
  /** (request id, kind: FailureKind, text): the handler did not produce a response. */
  failure: 2,
  /** (level, text, request id | 0) */
  log: 3,
  /** (timer id, delay in ms, owner); a negative delay: as soon as may be. */
  setTimer: 4,
  /** (timer id) */
  clearTimer: 5,
  /** ("" or why there is no handler): the function's module was evaluated, its top-level awaits included. */
  loaded: 6,
  /** (call id, name, arguments: array of data, owner): answered by `EnterOp.result`, once. */
  call: 7,
  /** (call id): its result is not wanted any more; the host stops the work where it can. */
  cancelCall: 8,
  /** (outbound stream id, ArrayBuffer | string | number of bytes in the window): more bytes, within the credit. */
  chunk: 9,
  /** (outbound stream id, undefined | why it broke, undefined | block of trailers): the stream is over. */
  end: 10,
  /** (inbound stream id, bytes): room for so many more. */
  credit: 11,
  /** (inbound stream id): nobody wants the rest. */
  cancel: 12,
  /** (request id): `ctx.waitUntil` was called: the instance stays for work that goes on after the answer. */
  background: 13,
  /** (request id): that work is over. */
  backgroundDone: 14,
  /** (count): log lines that one entry printed beyond its bound; none of them was posted. */
  dropped: 15,
  /** (request id, header block): the answer is a WebSocket (status 101). */
  upgrade: 16,
  /** (request id, string | ArrayBuffer): a message for its client. */
  socketMessage: 17,
  /** (request id, code, reason): the function closes it. */
  socketClose: 18,
  /** (bytes of WebAssembly's memories): memory that V8 does not count has grown beyond what the isolate may have (memory-accounting.ts). */
  overMemory: 19,
  /** There is less room than was asked for (`EnterOp.probe`). */
  nearlyFull: 20,
} as const;

/** Why a handler produced no response. */
export const FailureKind = {
  threw: 1,
  noResponse: 2,
  /** The function exports handlers by method, and none for this one; the text is the `Allow` header. */
  methodNotAllowed: 3,
  /** An allocation was refused, and the error that says so reached the end of the handler. */
  outOfMemory: 4,
} as const;

/** Why nobody waits for an answer. */
export const AbortKind = {
  clientGone: 1,
  deadline: 2,
  /** The instance drains, or whoever asks does. */
  drain: 3,
  /** The answer was whole; the time of `ctx.waitUntil` is over. */
  background: 4,
  /** As `drain`, of an answer that has no end: its `request.signal` is aborted, too. */
  drainEndless: 5,
} as const;

/** What `ask` answers. */
export const AskFor = {
  /** (bytes) → ArrayBuffer of random bytes */
  entropy: 1,
  /** (domain) → its ASCII form (UTS 46), or "" where it is not valid */
  asciiDomain: 2,
  /** () → the tables of the multi-byte encodings, as JSON */
  encodingTables: 3,
  /** ([operation, algorithm, length | algorithm | null]) → "yes", or "": whether it is one of `crypto.subtle` here */
  cryptoSupport: 4,
  /** () → the library that shows objects as text: the source of a CommonJS module */
  inspectLibrary: 5,
  /** () → "", when the host has handled everything that was posted before */
  heard: 6,
} as const;

/** What crosses (I1). */
export type Data =
  | string
  | number
  | boolean
  | null
  | undefined
  | ArrayBuffer
  | Data[]
  | { [key: string]: Data };

export type Enter = (
  op: number,
  id: number,
  a?: unknown,
  b?: unknown,
  c?: unknown,
  d?: unknown,
  e?: unknown,
  f?: unknown,
) => unknown;
export type Post = (op: number, a?: unknown, b?: unknown, c?: unknown, d?: unknown) => void;
export type Ask = (what: number, argument: unknown) => unknown;

/** The global under which the snapshot keeps the platform's boot function; it is taken away before user code runs. */
export const BOOT_GLOBAL = "__narunBoot";

/**
 * The global under which the platform's `load` waits for the entry module, which takes it away before user code runs.
 */
export const LOAD_GLOBAL = "__narunLoad";

/** The file name of the platform in stacks. */
export const PLATFORM_FILE = "narun:platform";

/** The most entries of one isolate that V8 has at a time. */
export const MAX_ENTERING = 64;

/** An answer as one string: that is the cheapest thing to cross. */
export function joinAnswer(status: number, headerBlock: string, body: string | undefined): string {
  return `${status} ${headerBlock.length} ${headerBlock}${body ?? ""}`;
}

/** Undefined for what is no answer. */
export function splitAnswer(
  answer: unknown,
): { status: number; headerBlock: string; body: string } | undefined {
  if (typeof answer !== "string") return undefined;
  const sizeAt = answer.indexOf(" ") + 1;
  const blockAt = answer.indexOf(" ", sizeAt) + 1;
  const size = Number(answer.slice(sizeAt, blockAt));
  if (sizeAt === 0 || blockAt === 0 || !Number.isSafeInteger(size) || size < 0) return undefined;
  const bodyAt = blockAt + size;
  return {
    status: Number(answer.slice(0, sizeAt)),
    headerBlock: answer.slice(blockAt, bodyAt),
    body: answer.slice(bodyAt),
  };
}

/**
 * Header fields cross as one string, `name\nvalue\n…`: names and values cannot contain a line feed, and one string
 * costs a tenth of an array of pairs.
 */
export function splitHeaderBlock(block: string): [string, string][] {
  if (block === "") return [];
  const parts = block.split("\n");
  const fields: [string, string][] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) fields.push([parts[i] ?? "", parts[i + 1] ?? ""]);
  return fields;
}
