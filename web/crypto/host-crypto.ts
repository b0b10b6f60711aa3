/**
 * Calls to the host's cryptography.
 *
 * I1  For each request few calls and few bytes are under way at a time; its others wait here, where they count towards the
 *     isolate's own memory limit. The host refuses what exceeds its bounds (runtime/isolate/process/crypto/).
 * I2  Requests do not wait for each other: the results of one that has used up its time never come.
 * I3  A call belongs to the request that made it, however long it waited.
 */

import { DOMException } from "../dom/dom-exception.ts";
import { QuotaExceededError } from "../dom/quota-exceeded-error.ts";
import type { Data } from "../host/boundary.ts";
import { callHost, HostFailure } from "../host/host-call.ts";
import { currentOwner, setOwner } from "../start/owner.ts";

const MAX_OPEN_CALLS = 32;
/** One call may be larger, and goes alone. */
const MAX_OPEN_BYTES = 4 * 1024 * 1024;

interface Call {
  name: string;
  values: Data[];
  bytes: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** What one request has under way, and what waits. */
interface Queue {
  calls: number;
  bytes: number;
  waiting: Call[];
}

const queues = new Map<number, Queue>();

/** Has the host do a `crypto.<operation>`; rejects with what user code is to see. */
export function callCrypto(operation: string, ...values: Data[]): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const bytes = byteLengthOf(values);
  const call = { name: `crypto.${operation}`, values, bytes, resolve, reject };
  const owner = currentOwner();
  const queue = queues.get(owner) ?? { calls: 0, bytes: 0, waiting: [] };
  queues.set(owner, queue);
  if (queue.waiting.length === 0 && hasRoomFor(queue, bytes)) send(queue, owner, call);
  else queue.waiting.push(call);
  return promise;
}

function hasRoomFor(queue: Queue, bytes: number): boolean {
  return queue.calls === 0 || (queue.calls < MAX_OPEN_CALLS && queue.bytes + bytes <= MAX_OPEN_BYTES);
}

function send(queue: Queue, owner: number, call: Call): void {
  queue.calls += 1;
  queue.bytes += call.bytes;
  // The entry of its result has the same owner, as those that go on from here have.
  callHost(call.name, ...call.values).result.then(
    (value) => {
      close(queue, owner, call);
      call.resolve(value);
    },
    (failure: unknown) => {
      close(queue, owner, call);
      call.reject(errorOf(failure));
    },
  );
}

function close(queue: Queue, owner: number, { bytes }: Call): void {
  queue.calls -= 1;
  queue.bytes -= bytes;
  let sent = 0;
  for (const next of queue.waiting) {
    if (!hasRoomFor(queue, next.bytes)) break;
    send(queue, owner, next);
    sent += 1;
  }
  if (sent > 0) queue.waiting = queue.waiting.slice(sent);
  if (queue.calls === 0) queues.delete(owner);
}

function errorOf(failure: unknown): unknown {
  if (!(failure instanceof HostFailure)) return failure;
  if (failure.name === "TypeError") return new TypeError(failure.message);
  if (failure.name === "QuotaExceededError") return new QuotaExceededError(failure.message);
  return new DOMException(failure.message, failure.name);
}

function byteLengthOf(value: Data): number {
  if (value instanceof ArrayBuffer) return value.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce<number>((sum, part) => sum + byteLengthOf(part), 0);
}

/** Released keys are told in batches: nobody waits for it. */
const RELEASE_BATCH = 64;

let released: number[] = [];

/** The host forgets a key. */
export function releaseKey(id: number): void {
  released.push(id);
  if (released.length < RELEASE_BATCH) return;
  const batch = released;
  released = [];
  setOwner(0);
  callHost("crypto.release", batch).result.catch(() => {
    // It had too much to do: they are told again with the next ones.
    released.push(...batch);
  });
}
