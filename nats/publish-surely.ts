/**
 * Writes whose answer may be lost with a server of a cluster.
 *
 * I1  Such a write is tried again, and beside its first attempt (ask-again.ts). By its id it is stored once.
 */
import type { JetStreamClient, JetStreamPublishOptions, PubAck } from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/transport-node";
import type { Nats } from "./connection.ts";
import { needsJetStream } from "./needs-jetstream.ts";

export interface SureWrite extends Omit<Partial<JetStreamPublishOptions>, "headers" | "msgID"> {
  /** Makes the fields of one attempt: the library writes into them. */
  headers?: () => MsgHdrs;
}

/** Errors: see needsJetStream. */
export function publishSurely(
  nats: Nats,
  client: JetStreamClient,
  subject: string,
  data: Uint8Array | string,
  { headers, ...options }: SureWrite = {},
): Promise<PubAck> {
  const msgID = crypto.randomUUID();
  return needsJetStream(nats, () =>
    client.publish(subject, data, { ...options, msgID, ...(headers && { headers: headers() }) }),
  );
}
