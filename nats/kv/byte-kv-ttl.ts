/**
 * Keys that end, in buckets that narun made and in others.
 *
 * A server that leaves a marker where a key ended lets no key end before the marker would, unless the bucket keeps one value
 * of each key: it raises the TTL without a word. Where a bucket keeps older values, the one before an ended value is the key's
 * again: a value or a delete marker with an end replaces all of them.
 */
import type { StreamConfig } from "@nats-io/jetstream";
import { headers as createMsgHeaders, type MsgHdrs } from "@nats-io/transport-node";
import { OPERATION } from "./byte-kv-bucket.ts";

const MESSAGE_TTL = "Nats-TTL";
/** Deletes the older messages of the subject. */
const ROLLUP = "Nats-Rollup";
const NANOS = 1e9;

/** How long a marker of a deleted key stays: watchers that were away so long do not hear of it any more. */
export const MARKER_SECONDS = 3_600;

/** The least TTL that the bucket carries out, in seconds. */
export function leastTtlSeconds(config: StreamConfig): number {
  if (config.max_msgs_per_subject === 1) return 1;
  return Math.max(1, Math.ceil((config.subject_delete_marker_ttl ?? 0) / NANOS));
}

/** The headers of a message that ends so many seconds after it is written. */
export function headersOfTtl(config: StreamConfig, ttlSeconds: number): MsgHdrs {
  const headers = createMsgHeaders();
  headers.set(MESSAGE_TTL, `${ttlSeconds}s`);
  if (config.max_msgs_per_subject !== 1) headers.set(ROLLUP, "sub");
  return headers;
}

/** The headers of a message that deletes its key. */
export function headersOfDelete(config: StreamConfig): MsgHdrs {
  const headers = config.allow_msg_ttl === true ? headersOfTtl(config, MARKER_SECONDS) : createMsgHeaders();
  headers.set(OPERATION, headers.has(ROLLUP) ? "PURGE" : "DEL");
  return headers;
}
