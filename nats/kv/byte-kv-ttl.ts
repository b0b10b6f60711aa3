/**
 * Keys with a TTL, in buckets of narun and of other programs.
 *
 * A server with markers lets no key end before its marker would, unless the bucket keeps one value of each key: it
 * raises the TTL silently. Where a bucket keeps older values, the value before an expired one is current again: a
 * value or a delete marker with a TTL replaces all of them.
 */
import type { StreamConfig } from "@nats-io/jetstream";
import { headers as createMsgHeaders, type MsgHdrs } from "@nats-io/transport-node";
import { OPERATION } from "./byte-kv-bucket.ts";

const MESSAGE_TTL = "Nats-TTL";
/** Deletes the older messages of the subject. */
const ROLLUP = "Nats-Rollup";
const NANOS = 1e9;

/** How long the marker of a deleted key stays. Watchers that are away for longer do not see the deletion. */
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
