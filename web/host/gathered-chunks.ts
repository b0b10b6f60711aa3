/**
 * Small chunks on their way to the host: the ones of a moment leave by one message. A message costs the isolate and the host more
 * than the bytes of such a chunk, and an event may go to a thousand streams.
 *
 * I1  A chunk is copied when it is given, and leaves after the microtasks that wait then, or when there is no room for the next,
 *     and at the end of a call at the latest: V8 may have dropped the microtasks of code that it interrupted.
 * I2  Chunks leave in order. The caller posts nothing else of a stream before it has posted the gathered ones.
 */
import { PostOp } from "./boundary.ts";
import { postToHost } from "./host-link.ts";

/** Upper bound of the bytes of one message, and of a chunk in it. */
const MAX_GATHERED_BYTES = 16 * 1024;
const MAX_SMALL_BYTES = 4 * 1024;

const { apply } = Reflect;
const { set } = Uint8Array.prototype;
const Bytes = Uint8Array;
const Memory = ArrayBuffer;

/** Made at the first chunk: the snapshot has none. */
let memory: ArrayBuffer | undefined;
let size = 0;
/** For each chunk its stream and its size: `1 20 2 20`. */
let index = "";

/** Takes a chunk; returns false where it has to be posted alone. */
export function gatherChunk(id: number, bytes: Uint8Array, byteLength: number): boolean {
  if (byteLength > MAX_SMALL_BYTES) return false;
  if (size + byteLength > MAX_GATHERED_BYTES) postChunks();
  if (size === 0) void postSoon();
  memory ??= new Memory(MAX_GATHERED_BYTES);
  // Called by `apply`: a method that user code has changed would get the memory.
  apply(set, new Bytes(memory, size), [bytes]);
  size += byteLength;
  index += `${index === "" ? "" : " "}${id} ${byteLength}`;
  return true;
}

/** Posts the gathered chunks. */
export function postChunks(): void {
  if (size === 0 || memory === undefined) return;
  const bytes = new Memory(size);
  apply(set, new Bytes(bytes), [new Bytes(memory, 0, size)]);
  const gathered = index;
  size = 0;
  index = "";
  postToHost(PostOp.chunks, gathered, bytes);
}

/** The wait for a promise of the engine's own runs no code of the user. */
async function postSoon(): Promise<void> {
  await undefined;
  postChunks();
}
