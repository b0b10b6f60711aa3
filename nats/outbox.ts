/**
 * Publishes in batches: what is published within one turn of the event loop leaves in one write. The client library
 * writes once for every callback that publishes, and under load those writes cost more than everything else together.
 *
 * I1  Messages leave in the order in which they were published.
 * I2  What is published now has left before anything that calls `flush()` afterwards: requests, drains, closing.
 */
import type { NatsConnection, PublishOptions } from "@nats-io/transport-node";

export interface Outbox {
  /** Throws where the message can never be sent: the connection is closed, or the data is over the server's limit. */
  publish(subject: string, data: Uint8Array | string, options: PublishOptions): void;
  flush(): void;
}

interface Outgoing {
  subject: string;
  data: Uint8Array | string;
  options: PublishOptions;
}

export function createOutbox(
  connection: NatsConnection,
  onError: (error: unknown, subject: string) => void,
): Outbox {
  let waiting: Outgoing[] = [];

  const flush = () => {
    const batch = waiting;
    waiting = [];
    for (const { subject, data, options } of batch) {
      try {
        connection.publish(subject, data, options);
      } catch (error) {
        // A connection that was closed meanwhile has nobody left to hear of it.
        if (!connection.isClosed()) onError(error, subject);
      }
    }
  };

  return {
    publish(subject, data, options) {
      if (connection.isClosed()) throw new Error(`${subject}: the connection is closed`);
      const limit = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
      if (data.length > limit)
        throw new RangeError(`${subject}: ${data.length} bytes are over max_payload (${limit})`);
      waiting.push({ subject, data, options });
      if (waiting.length === 1) setImmediate(flush);
    },
    flush,
  };
}
