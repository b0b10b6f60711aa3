/**
 * The two functions that lead out of the isolate.
 *
 * I1  Their arguments are passed one by one: user code can observe and change values that pass through an iterator or a
 *     method.
 * I2  Posted messages that the host has not yet handled are bounded. Beyond the bound the isolate waits until the host has
 *     handled all of them. User code cannot post in any other way.
 */
import { type Ask, AskFor, type Post } from "./boundary.ts";

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

/** Sends a message to the host; never throws. */
export const postToHost: Post = (op, a, b, c, d) => {
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
