/**
 * Publishes in batches: messages of one turn of the event loop leave in one write. Under load a write for each
 * message would cost more than everything else together.
 *
 * I1  Messages leave in the order in which they were published.
 * I2  A message leaves before anything that calls `flush()` after it: requests, drains, closing.
 * I3  While the server is away nothing is lost: it waits here, up to a bound. The oldest goes first when there is too
 *     much.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { formatFields, type Headers } from "./headers.ts";
import type { WireWriter } from "./transport/wire.ts";

export interface Outbox {
  /**
   * Throws where the message can never be sent: the connection is closed, the data is over the server's limit, or a
   * subject or header field would break the message apart.
   */
  publish(subject: string, data: Uint8Array | string, options?: PublishOptions): void;
  flush(): void;
  /** The server is back. */
  resume(): void;
}

export interface PublishOptions {
  reply?: string;
  headers?: Headers | undefined;
}

export interface OutboxOptions {
  connection: NatsConnection;
  writer: WireWriter;
  isAway(): boolean;
  /** Called for a message that could not be sent after all. */
  onError(error: unknown, subject: string): void;
}

interface Waiting {
  subject: string;
  payload: Uint8Array | string;
  reply: string | undefined;
  fields: string;
  size: number;
}

/** Upper bound of bytes that wait for a server that is away: the replies of a busy host over some seconds. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;

/**
 * How long messages wait after a reconnect. Their receivers lost the connection at the same moment, and subscribe
 * again meanwhile.
 */
const RESUME_DELAY_MS = 100;

/** `NATS/1.0`, and the empty line behind the fields. */
const HEADER_FRAME_BYTES = 12;

function bytesOf(data: Uint8Array | string): number {
  return typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
}

/** Whether the text is one word: it cannot begin a message of its own. */
function isSubject(subject: string): boolean {
  return subject !== "" && !/[\s\0]/.test(subject);
}

export function createOutbox({ connection, writer, isAway, onError }: OutboxOptions): Outbox {
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let resuming: NodeJS.Timeout | undefined;

  const flush = () => {
    if (isAway() || !writer.isOpen) return;
    clearTimeout(resuming);
    resuming = undefined;
    const batch = waiting;
    waiting = [];
    waitingBytes = 0;
    for (const message of batch) writer.write(message);
    writer.flush();
  };
  const flushSoon = () => {
    if (resuming === undefined) flush();
  };
  const dropOldest = () => {
    const oldest = waiting.shift();
    waitingBytes -= oldest?.size ?? 0;
    onError(new Error("NATS was away for too long: a message was dropped"), oldest?.subject ?? "");
  };

  return {
    publish(subject, payload, { reply, headers } = {}) {
      if (connection.isClosed()) throw new Error(`${subject}: the connection is closed`);
      if (!isSubject(subject) || (reply !== undefined && !isSubject(reply)))
        throw new TypeError(
          `${JSON.stringify(reply ?? subject)} is no subject: it is empty, or has white space`,
        );
      const limit = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
      const fields = headers === undefined ? "" : formatFields(headers);
      const size = bytesOf(payload) + (fields === "" ? 0 : bytesOf(fields) + HEADER_FRAME_BYTES);
      if (size > limit) throw new RangeError(`${subject}: ${size} bytes are over max_payload (${limit})`);
      waiting.push({ subject, payload, reply, fields, size });
      waitingBytes += size;
      if (waiting.length === 1) setImmediate(flushSoon);
      while (waitingBytes > MAX_HELD_BYTES && !writer.isOpen) dropOldest();
    },
    flush,
    resume() {
      resuming = setTimeout(flush, RESUME_DELAY_MS);
    },
  };
}
