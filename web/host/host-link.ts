/**
 * The two functions that lead out of the isolate.
 *
 * I1  Their arguments are passed one by one: user code can observe and change values that pass through an iterator or a
 *     method.
 * I2  Posted messages that the host has not yet handled are bounded. Beyond the bound the isolate waits until the host has
 *     handled all of them. User code cannot post in any other way.
 * I3  Short calls that are made within one call of `enter` leave together, at its end (start/entries.ts), and before any other
 *     message: the host hears of all in the order in which the code did it.
 */
import { type Ask, AskFor, type Post, PostOp } from "./boundary.ts";
import { joinCall } from "./joined-calls.ts";

// The only mutable state of the platform: the snapshot is taken before an isolate has a host. `connectHost` joins them.
let post: Post = () => {
  throw new Error("no host");
};
let ask: Ask = () => {
  throw new Error("no host");
};

export function connectHost(link: { post: Post; ask: Ask }): void {
  post = link.post;
  ask = link.ask;
}

const MAX_UNHEARD_BYTES = 4 * 1024 * 1024;
/** Approximate cost of a message for the host, besides its data. */
const MESSAGE_BYTES = 512;
/** Upper bound of the depth of data. The platform itself posts less deep data. */
const MAX_DEPTH = 6;

let unheard = 0;

/** Upper bound of the length of the calls that leave together. */
const MAX_JOINED_LENGTH = 16 * 1024;

let joined = "";
let isJoining = false;

/** From now on short calls wait for `postCalls`. */
export function joinCalls(): void {
  isJoining = true;
}

/** Posts the calls that wait. From now on each is posted at once. */
export function postCalls(): void {
  isJoining = false;
  postJoined();
}

function postJoined(): void {
  if (joined === "") return;
  const calls = joined;
  joined = "";
  send(PostOp.calls, calls);
}

/** Sends a call to the host. */
export function postCall(id: number, name: string, values: readonly unknown[], owner: number): void {
  const text = isJoining ? joinCall(id, owner, name, values) : undefined;
  if (text === undefined || text.length > MAX_JOINED_LENGTH) {
    postToHost(PostOp.call, id, name, values, owner);
    return;
  }
  if (joined.length + text.length > MAX_JOINED_LENGTH) postJoined();
  joined += text;
}

/** Sends a message to the host; never throws. */
export const postToHost: Post = (op, a, b, c, d) => {
  postJoined();
  send(op, a, b, c, d);
};

const send: Post = (op, a, b, c, d) => {
  unheard += MESSAGE_BYTES + sizeOf(a, 0) + sizeOf(b, 0) + sizeOf(c, 0) + sizeOf(d, 0);
  if (unheard > MAX_UNHEARD_BYTES) {
    // The host answers in the order of the messages.
    ask(AskFor.heard, undefined);
    unheard = 0;
  }
  post(op, a, b, c, d);
};

/** Asks the host and waits for its answer. Only for rare questions. */
export const askHost: Ask = (what, argument) => ask(what, argument);

const { apply, getOwnPropertyDescriptor } = Reflect;
const { isArray } = Array;
const { keys } = Object;
const byteLength = getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get as (
  this: unknown,
) => number;

/** Approximate number of bytes. */
function sizeOf(value: unknown, depth: number): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 8;
  if (depth > MAX_DEPTH) return MAX_UNHEARD_BYTES;
  let size = 64;
  // Arrays are told apart first: the values of every call are one, and the error of a getter costs 10 µs.
  if (isArray(value)) {
    for (let at = 0; at < value.length; at++) size += sizeOf(value[at], depth + 1);
    return size;
  }
  try {
    return apply(byteLength, value, []);
  } catch {
    // Not a buffer.
  }
  const names = keys(value);
  for (let at = 0; at < names.length; at++) {
    const name = names[at] as string;
    size += name.length + sizeOf((value as Record<string, unknown>)[name], depth + 1);
  }
  return size;
}
