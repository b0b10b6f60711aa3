/**
 * The boundary between a host process and an isolate: messages, both ways.
 *
 * Host to isolate: `enter(op, id, ...)`. Isolate to host: `post(op, id, ...)`, which never waits, and `ask(what, ...)`,
 * which does, for the few things that only the host has (entropy, IDNA tables).
 *
 * I1  Only strings, numbers, booleans, undefined and ArrayBuffers cross, always as copies. No handle of isolated-vm,
 *     no object of the host and no error object is reachable from user code: `post` and `ask` live in closures.
 * I2  Every entry into an isolate runs under the function's CPU limit, whatever it runs: handler, timer, microtask.
 * I3  The host chooses request ids, the isolate timer ids; neither side trusts the other's: an unknown or finished id
 *     is ignored.
 * I4  The host treats everything that an isolate posts as user input: a handler may have changed any intrinsic.
 */

/** Host to isolate. */
export const EnterOp = {
  /** (request id, method, url, header block, body | undefined, narun request id, deadline in epoch ms) */
  request: 1,
  /** (timer id): its time has come. */
  timer: 2,
} as const;

/** Isolate to host. */
export const PostOp = {
  /** (request id, status, header block, body: string | ArrayBuffer | undefined) */
  response: 1,
  /** (request id, kind: FailureKind, text): the handler did not produce a response. */
  failure: 2,
  /** (level, text, request id | 0) */
  log: 3,
  /** (timer id, delay in ms) */
  setTimer: 4,
  /** (timer id) */
  clearTimer: 5,
  /** ("" or why there is no handler): the function's module was evaluated, its top-level awaits included. */
  loaded: 6,
} as const;

/** Why a handler produced no response. */
export const FailureKind = {
  threw: 1,
  noResponse: 2,
  /** The function exports handlers by method, and none for this one; the text is the `Allow` header. */
  methodNotAllowed: 3,
} as const;

/** What `ask` answers. */
export const AskFor = {
  /** (bytes) → ArrayBuffer of random bytes */
  entropy: 1,
  /** (domain) → its ASCII form (UTS 46), or "" where it is not valid */
  asciiDomain: 2,
} as const;

export type Enter = (
  op: number,
  id: number,
  a?: unknown,
  b?: unknown,
  c?: unknown,
  d?: unknown,
  e?: unknown,
  f?: unknown,
) => void;
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
