/**
 * The two functions that lead out of the isolate.
 *
 * I1  They are called with their arguments spelled out: whatever goes by way of an iterator, or of a method, user code
 *     can see and change.
 * I2  What was posted and the host has not looked at yet is bounded: after so much the isolate waits for the host, which
 *     answers when it has heard all of it. User code cannot post in any other way.
 */
import { type Ask, AskFor, type Post } from "./boundary.ts";

// The one mutable state of the platform: the snapshot is taken before an isolate has a host, `connectHost` joins them.
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
/** What a message costs the host besides its data, about. */
const MESSAGE_BYTES = 512;
/** Deeper data than the platform itself ever posts. */
const MAX_DEPTH = 6;

let unheard = 0;

/** Sends a message to the host; never throws. */
export const postToHost: Post = (op, a, b, c, d) => {
  unheard += MESSAGE_BYTES + sizeOf(a, 0) + sizeOf(b, 0) + sizeOf(c, 0) + sizeOf(d, 0);
  if (unheard > MAX_UNHEARD_BYTES) {
    // The host answers in the order in which it was asked.
    ask(AskFor.heard, undefined);
    unheard = 0;
  }
  post(op, a, b, c, d);
};

/** Asks the host and waits for its answer: for rare things only. */
export const askHost: Ask = (what, argument) => ask(what, argument);

const { apply, getOwnPropertyDescriptor } = Reflect;
const { isArray } = Array;
const { keys } = Object;
const byteLength = getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get as (
  this: unknown,
) => number;

/** Bytes of data, about. */
function sizeOf(value: unknown, depth: number): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 8;
  if (depth > MAX_DEPTH) return MAX_UNHEARD_BYTES;
  try {
    return apply(byteLength, value, []);
  } catch {
    // Not a buffer.
  }
  let size = 64;
  if (isArray(value)) {
    for (let at = 0; at < value.length; at++) size += sizeOf(value[at], depth + 1);
    return size;
  }
  const names = keys(value);
  for (let at = 0; at < names.length; at++) {
    const name = names[at] as string;
    size += name.length + sizeOf((value as Record<string, unknown>)[name], depth + 1);
  }
  return size;
}
