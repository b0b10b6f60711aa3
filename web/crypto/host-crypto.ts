/**
 * Calls to the host's cryptography.
 *
 * I1  Each request has few calls and few bytes under way at a time. Its other calls wait in the isolate, where they count
 *     towards the memory limit. The host refuses calls beyond its own bounds (runtime/isolate/operations/crypto/).
 * I2  Requests do not wait for each other. The results of a request that has used up its time never arrive.
 * I3  A call belongs to the request that made it, however long it waited.
 */

import { DOMException } from "../dom/dom-exception.ts";
import { QuotaExceededError } from "../dom/quota-exceeded-error.ts";
import type { Data } from "../host/boundary.ts";
import { callHost, HostFailure } from "../host/host-call.ts";
import { currentOwner, setOwner } from "../start/owner.ts";

const MAX_OPEN_CALLS = 32;
/** Upper bound of the bytes under way. A larger call goes alone. */
const MAX_OPEN_BYTES = 4 * 1024 * 1024;

interface Call {
  name: string;
  values: Data[];
  bytes: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The calls of one request: under way and waiting. */
interface Queue {
  calls: number;
  bytes: number;
  waiting: Call[];
}

const queues = new Map<number, Queue>();

/** Calls `crypto.<operation>` of the host. Rejects with the error for user code. */
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
  // The result's entry has the same owner as the calls that are sent from it.
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

/** How many released keys are reported in one call. No code waits for the release. */
const RELEASE_BATCH = 64;

let released: number[] = [];

/** Has the host forget a key. */
export function releaseKey(id: number): void {
  released.push(id);
  if (released.length < RELEASE_BATCH) return;
  const batch = released;
  released = [];
  setOwner(0);
  callHost("crypto.release", batch).result.catch(() => {
    // The host was busy. The ids are sent again with the next batch.
    released.push(...batch);
  });
}
