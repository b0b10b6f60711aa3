/**
 * Values that a binding has read, for reads that take an older one (`cacheTtl`).
 *
 * I1  A value is found only while it is younger than the read allows. Its age counts from the begin of its own read, by a
 *     clock that does not go back (performance/clock.ts).
 * I2  A write of the binding forgets its key, when it begins and when it is over. A read that ran beside a write of its key
 *     keeps nothing: its value may be older than the write.
 * I3  The values have a bound in bytes. The ones that were not read for long go first.
 */
import { decodeUtf8 } from "../encoding/encoding.ts";
import type { ReadValue } from "./values.ts";

/** A value as it came from the host. */
export interface Arrived {
  revision: number;
  /** Epoch milliseconds. */
  createdAt: number;
  bytes: ArrayBuffer;
}

/** A read under way. */
interface Reading {
  key: string;
  startedAt: number;
  /** The count of writes at its begin. */
  writes: number;
}

/** The outcome of a read: a value, or the absence of one. */
interface Kept {
  readonly readAt: number;
  readonly value: KvValue | undefined;
}

/** Upper bound of the bytes of one generation. A value that crosses whole fits in (values.ts). */
const GENERATION_BYTES = 1024 * 1024;
/** Upper bound of the bytes of a value that is kept. */
export const MAX_KEPT_BYTES = 256 * 1024;
/** Bytes of a key's place in a map, and of its objects. */
const PLACE_BYTES = 200;
/** Counts of writes. Keys share them, which costs a read its place at times. */
const STRIPES = 256;

export class KvCache {
  /**
   * Two generations stand for the order of use: a map that is written at every read would be moved by the collector again
   * and again.
   */
  #young = new Map<string, Kept>();
  #old = new Map<string, Kept>();
  #youngBytes = 0;
  readonly #writes = new Uint32Array(STRIPES);

  /** The outcome of a read that began less than `maxAgeMs` before `nowMs`. */
  find(key: string, maxAgeMs: number, nowMs: number): { value: KvValue | undefined } | undefined {
    const isYoung = (kept: Kept) => nowMs - kept.readAt < maxAgeMs;
    const kept = this.#young.get(key);
    if (kept !== undefined) return isYoung(kept) ? kept : undefined;
    const old = this.#old.get(key);
    if (old === undefined || !isYoung(old)) return undefined;
    this.#add(key, old);
    return old;
  }

  begin(key: string, nowMs: number): Reading {
    return { key, startedAt: nowMs, writes: this.#writes[stripeOf(key)] ?? 0 };
  }

  /** Keeps the outcome of a read. `arrived`: undefined for a key that is not there. Returns the value. */
  end({ key, startedAt, writes }: Reading, arrived: Arrived | undefined): KvValue | undefined {
    const isOvertaken = this.#writes[stripeOf(key)] !== writes;
    const isKept = !isOvertaken && (arrived?.bytes.byteLength ?? 0) <= MAX_KEPT_BYTES;
    const value = arrived && new KvValue(arrived, { isShared: isKept });
    if (isKept) this.#add(key, { readAt: startedAt, value });
    return value;
  }

  /** A write of the key begins, or is over. */
  forget(key: string): void {
    const stripe = stripeOf(key);
    this.#writes[stripe] = (this.#writes[stripe] ?? 0) + 1;
    this.#old.delete(key);
    const kept = this.#young.get(key);
    if (kept === undefined) return;
    this.#young.delete(key);
    this.#youngBytes -= costOf(key, kept);
  }

  #add(key: string, kept: Kept): void {
    const former = this.#young.get(key);
    if (former === undefined) this.#old.delete(key);
    else this.#youngBytes -= costOf(key, former);
    const cost = costOf(key, kept);
    if (this.#youngBytes + cost > GENERATION_BYTES) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
      this.#old.delete(key);
    }
    this.#young.set(key, kept);
    this.#youngBytes += cost;
  }
}

/** A value of a key. Reads that share it get bytes of their own. */
export class KvValue implements ReadValue {
  readonly revision: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly #buffer: ArrayBuffer;
  readonly #isShared: boolean;
  #text: string | undefined;

  constructor({ revision, createdAt, bytes }: Arrived, { isShared }: { isShared: boolean }) {
    this.revision = revision;
    this.createdAt = createdAt;
    this.#buffer = bytes;
    this.#isShared = isShared;
  }

  get size(): number {
    return this.#buffer.byteLength;
  }

  text(): string {
    if (!this.#isShared) return decodeUtf8(new Uint8Array(this.#buffer));
    this.#text ??= decodeUtf8(new Uint8Array(this.#buffer));
    return this.#text;
  }

  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#isShared ? this.#buffer.slice(0) : this.#buffer);
  }
}

/** The bytes that an entry may take: its value is kept as bytes, and as a text of two bytes a character. */
function costOf(key: string, { value }: Kept): number {
  return PLACE_BYTES + 2 * key.length + 3 * (value?.size ?? 0);
}

function stripeOf(key: string): number {
  let hash = 0;
  for (let index = 0; index < key.length; index++) hash = (31 * hash + key.charCodeAt(index)) | 0;
  return hash & (STRIPES - 1);
}
