/** What narun reads from its own buckets. */
import type { NarunError } from "../../contracts/index.ts";

export interface KvEntry<T> {
  key: string;
  value: T;
  /** For `update`: the compare-and-set fails where somebody else wrote in between. */
  revision: number;
  createdAt: Date;
}

/** What a key holds: a value, or something that is not one. */
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
