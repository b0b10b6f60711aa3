/**
 * Calls to the host's cryptography.
 *
 * I1  Few calls and few bytes are under way at a time; the others wait here, where they count towards the isolate's own
 *     memory limit. The host refuses what exceeds that (runtime/host/isolate/process/crypto/).
 * I2  A call belongs to the request that made it, however long it waited.
 */
import type { Data } from "../boundary.ts";
import { DOMException } from "../dom/dom-exception.ts";
import { QuotaExceededError } from "../dom/quota-exceeded-error.ts";
import { callHost, HostFailure } from "../host-call.ts";
import { currentOwner, setOwner } from "../owner.ts";

const MAX_OPEN_CALLS = 16;
/** One call may be larger, and goes alone. */
const MAX_OPEN_BYTES = 4 * 1024 * 1024;

interface Call {
  name: string;
  values: Data[];
  bytes: number;
  owner: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

let waiting: Call[] = [];
let openCalls = 0;
let openBytes = 0;

/** Has the host do a `crypto.<operation>`; rejects with what user code is to see. */
export function callCrypto(operation: string, ...values: Data[]): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const bytes = byteLengthOf(values);
  const call = { name: `crypto.${operation}`, values, bytes, owner: currentOwner(), resolve, reject };
  if (waiting.length > 0 || !hasRoomFor(bytes)) waiting.push(call);
  else send(call);
  return promise;
}

function hasRoomFor(bytes: number): boolean {
  return openCalls === 0 || (openCalls < MAX_OPEN_CALLS && openBytes + bytes <= MAX_OPEN_BYTES);
}

function send(call: Call): void {
  openCalls += 1;
  openBytes += call.bytes;
  callHost(call.name, ...call.values).result.then(
    (value) => {
      close(call);
      call.resolve(value);
    },
    (failure: unknown) => {
      close(call);
      call.reject(errorOf(failure));
    },
  );
}

function close({ bytes }: Call): void {
  openCalls -= 1;
  openBytes -= bytes;
  const own = currentOwner();
  let sent = 0;
  for (const next of waiting) {
    if (!hasRoomFor(next.bytes)) break;
    setOwner(next.owner);
    send(next);
    sent += 1;
  }
  if (sent > 0) waiting = waiting.slice(sent);
  setOwner(own);
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
