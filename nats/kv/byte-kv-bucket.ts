import type { JetStreamClient, JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/transport-node";

/** An open KV bucket, as its parts work with it. */
export interface OpenBucket {
  client: JetStreamClient;
  manager: JetStreamManager;
  stream: string;
  /** The beginning of every key's subject. */
  prefix: string;
  /** As it was when the bucket was opened. */
  info: StreamInfo;
}

/** The header of a deleted key's last message. */
export const OPERATION = "KV-Operation";
/** The header of the server's marker for a key whose time was over. */
export const MARKER_REASON = "Nats-Marker-Reason";

/** Whether a key's last message is a marker of its end. */
export function isMarker(headers: MsgHdrs | undefined): boolean {
  return headers !== undefined && (headers.has(OPERATION) || headers.has(MARKER_REASON));
}
