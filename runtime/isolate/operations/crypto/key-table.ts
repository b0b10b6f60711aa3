/**
 * The keys of one isolate, which knows them by number only.
 *
 * I1  A number is never given twice, so that a late release cannot hit another key.
 * I2  Keys and the bytes of their material are bounded: they are the host's memory.
 */
import { CallError } from "../../process/host-calls.ts";

type CryptoKey = import("node:crypto").webcrypto.CryptoKey;

/** Upper bound of the keys of an isolate. A few keys for each open request are far less, and unreferenced keys are released. */
const MAX_KEYS = 10_000;
/** Upper bound of the material of all keys. A key has some kilobytes at most; passwords and secrets may be longer. */
const MAX_MATERIAL_BYTES = 16 * 1024 * 1024;

export interface KeyTable {
  readonly size: number;
  /** Throws where there is no room for another key. */
  requireRoom(): void;
  add(key: CryptoKey, materialBytes: number): number;
  /** Throws where there is no such key. */
  get(id: unknown): CryptoKey;
  release(id: unknown): void;
}

export function createKeyTable(): KeyTable {
  const keys = new Map<number, { key: CryptoKey; materialBytes: number }>();
  let totalBytes = 0;
  let lastId = 0;
  const requireRoom = () => {
    if (keys.size >= MAX_KEYS)
      throw new CallError("QuotaExceededError", `a function may hold ${MAX_KEYS} keys at a time`);
  };
  return {
    get size() {
      return keys.size;
    },
    requireRoom,
    add(key, materialBytes) {
      requireRoom();
      if (totalBytes + materialBytes > MAX_MATERIAL_BYTES)
        throw new CallError(
          "QuotaExceededError",
          `a function may hold keys of ${MAX_MATERIAL_BYTES} bytes in all at a time`,
        );
      lastId += 1;
      totalBytes += materialBytes;
      keys.set(lastId, { key, materialBytes });
      return lastId;
    },
    get(id) {
      const entry = typeof id === "number" ? keys.get(id) : undefined;
      if (entry === undefined) throw new CallError("InvalidAccessError", "there is no such key");
      return entry.key;
    },
    release(id) {
      const entry = typeof id === "number" ? keys.get(id) : undefined;
      if (entry === undefined) return;
      keys.delete(id as number);
      totalBytes -= entry.materialBytes;
    },
  };
}
