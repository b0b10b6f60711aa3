/**
 * Publishes in batches: what is published within one turn of the event loop leaves in one write. The client library
 * writes once for every callback that publishes, and under load those writes cost more than everything else together.
 *
 * I1  Messages leave in the order in which they were published.
 * I2  What is published now has left before anything that calls `flush()` afterwards: requests, drains, closing.
 * I3  While the server is away nothing is lost: the library would drop it, so it waits here, up to a bound. The oldest
 *     goes first when there is too much.
 */
import type { NatsConnection, PublishOptions } from "@nats-io/transport-node";

export interface Outbox {
  /** Throws where the message can never be sent: the connection is closed, or the data is over the server's limit. */
  publish(subject: string, data: Uint8Array | string, options: PublishOptions): void;
  flush(): void;
  /** The server is back. */
  resume(): void;
}

export interface OutboxOptions {
  connection: NatsConnection;
  isAway(): boolean;
  /** Told of a message that could not be sent after all. */
  onError(error: unknown, subject: string): void;
}

interface Outgoing {
  subject: string;
  data: Uint8Array | string;
  options: PublishOptions;
}

/** What waits for a server that is away: the replies of a busy host over some seconds. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;

/** Those that wait for a reply lost their connection in the same moment: they get so long to subscribe again. */
const RESUME_DELAY_MS = 100;

export function createOutbox({ connection, isAway, onError }: OutboxOptions): Outbox {
  let waiting: Outgoing[] = [];
  let waitingBytes = 0;
  let resuming: NodeJS.Timeout | undefined;

  const flush = () => {
    if (isAway()) return;
    clearTimeout(resuming);
    resuming = undefined;
    const batch = waiting;
    waiting = [];
    waitingBytes = 0;
    for (const { subject, data, options } of batch) {
      try {
        connection.publish(subject, data, options);
      } catch (error) {
        // A connection that was closed meanwhile has nobody left to hear of it.
        if (!connection.isClosed()) onError(error, subject);
      }
    }
  };
  const flushSoon = () => {
    if (resuming === undefined) flush();
  };
  const dropOldest = () => {
    const oldest = waiting.shift();
    waitingBytes -= oldest?.data.length ?? 0;
    onError(new Error("NATS was away for too long: a message was dropped"), oldest?.subject ?? "");
  };

  return {
    publish(subject, data, options) {
      if (connection.isClosed()) throw new Error(`${subject}: the connection is closed`);
      const limit = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
      if (data.length > limit) {
        throw new RangeError(`${subject}: ${data.length} bytes are over max_payload (${limit})`);
      }
      waiting.push({ subject, data, options });
      waitingBytes += data.length;
      if (waiting.length === 1) setImmediate(flushSoon);
      while (waitingBytes > MAX_HELD_BYTES && isAway()) dropOldest();
    },
    flush,
    resume() {
      resuming = setTimeout(flush, RESUME_DELAY_MS);
    },
  };
}
