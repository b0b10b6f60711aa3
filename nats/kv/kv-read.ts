/** The values that narun reads from its own buckets. */
import type { NarunError } from "../../contracts/index.ts";

export interface KvEntry<T> {
  key: string;
  value: T;
  /** For `update`: the compare-and-set fails where another write came in between. */
  revision: number;
  createdAt: Date;
}

/** The content of a key: a value, or bytes that are no valid value. */
export type KvRead<T> =
  | ({ ok: true } & KvEntry<T>)
  | { ok: false; key: string; revision: number; createdAt: Date; error: NarunError };

export type KvChange<T> = { kind: "put"; read: KvRead<T> } | { kind: "delete"; key: string };

/** A value of a key, as the bucket has it. */
export interface KvRaw {
  key: string;
  revision: number;
  createdAt: Date;
  data: Uint8Array;
}
