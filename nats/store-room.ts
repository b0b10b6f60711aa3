/**
 * Bounds the bytes of a bucket at its writers. Not by the stream's own bound: nats-server reserves it out of the
 * account's storage, and it is one bound for all writers.
 *
 * I1  A writer asks for the bucket's size once for a slice of bytes, so that most writes ask nothing.
 * I2  Bytes of other writers count from the next slice on: a bucket is over its bound by at most a slice of each
 *     writer.
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import { NarunError } from "../contracts/index.ts";

export interface StoreRoom {
  /** Takes room for bytes before they are written. Error: STORE_LIMIT. */
  take(manager: JetStreamManager, bytes: number): Promise<void>;
}

/** Upper bound of the bytes that are written before the bucket's size is asked for again. */
const SLICE_BYTES = 16 * 1024 * 1024;

export function createStoreRoom(bucket: string, stream: string, maxBytes: number): StoreRoom {
  let room = 0;
  let asking: Promise<number> | undefined;

  const ask = async (manager: JetStreamManager): Promise<number> => {
    const { state } = await manager.streams.info(stream);
    const left = maxBytes - state.bytes;
    room = Math.min(left, SLICE_BYTES);
    return left;
  };

  return {
    async take(manager, bytes) {
      while (bytes > room) {
        asking ??= ask(manager).finally(() => {
          asking = undefined;
        });
        const left = await asking;
        if (bytes > left) throw overLimit(bucket, maxBytes - left, maxBytes);
        // A larger write takes a slice of its own size.
        if (bytes > SLICE_BYTES) break;
      }
      room -= bytes;
    },
  };
}

function overLimit(bucket: string, has: number, maxBytes: number): NarunError {
  const detail = `the bucket ${bucket} has ${has} bytes, and limits.maxStoreBytes is ${maxBytes}`;
  return new NarunError("STORE_LIMIT", { detail, limit: "limits.maxStoreBytes", bucket });
}
