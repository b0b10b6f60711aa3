/** The values that functions read from their buckets. */

export interface ByteEntry {
  bytes: Uint8Array;
  /** For `ifRevision`. */
  revision: number;
  createdAt: Date;
}

export interface KvPage {
  keys: { key: string; revision: number }[];
  /** Where the next page begins; undefined where there is none. */
  next: number | undefined;
}

export type ByteKvChange =
  | { kind: "put"; key: string; revision: number; createdAt: Date; bytes: Uint8Array }
  | { kind: "delete"; key: string; revision: number };
