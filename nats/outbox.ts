/**
 * Publishes messages, and keeps them while the server is away.
 *
 * I1  Messages leave in the order in which they were published. Those of one turn of the event loop leave in one write
 *     (lane.ts).
 * I2  A message leaves before anything that calls `flush()` after it: requests, drains, closing.
 * I3  While the server is away nothing is lost: it waits here, up to a bound. The oldest goes first when there is too
 *     much.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { formatFields, type Headers } from "./headers.ts";
import { bytesAsText } from "./transport/byte-text.ts";
import type { Outgoing, WireWriter } from "./transport/wire.ts";

export interface Outbox {
  /**
   * Throws where the message can never be sent: the connection is closed, the data is over the server's limit, or a
   * subject or header field would break the message apart.
   */
  publish(subject: string, data: Uint8Array | string, options?: PublishOptions): void;
  /** Checks a message as `publish` does, and forms it as it is now. Returns the function that publishes it. */
  prepare(subject: string, data: Uint8Array | string, options?: PublishOptions): () => void;
  /** As `publish`, to the reply subject of a message, which the server has read already. */
  respond(reply: string, data: Uint8Array | string, headers: Headers | undefined): void;
  flush(): void;
  /** The server is back. */
  resume(): void;
}

export interface PublishOptions {
  /** Of the connection's own making. */
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

/** Upper bound of bytes that wait for a server that is away: the replies of a busy host over some seconds. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;

/**
 * How long messages wait after a reconnect. Their receivers lost the connection at the same moment, and subscribe
 * again meanwhile.
 */
const RESUME_DELAY_MS = 100;

/** `NATS/1.0`, and the empty line behind the fields. */
const HEADER_FRAME_BYTES = 12;

/** Anything but visible ASCII: most subjects have none. */
const UNUSUAL_IN_SUBJECT = /[^!-~]/;

/** A subject as it is sent. Throws where it is not one word: it could begin a message of its own. */
function checkedSubject(subject: string): string {
  if (subject !== "" && !UNUSUAL_IN_SUBJECT.test(subject)) return subject;
  if (subject === "" || /[\s\0]/.test(subject))
    throw new TypeError(`${JSON.stringify(subject)} is no subject: it is empty, or has white space`);
  return bytesAsText(subject);
}

export function createOutbox({ connection, writer, isAway, onError }: OutboxOptions): Outbox {
  let waiting: { message: Outgoing; size: number }[] = [];
  let waitingBytes = 0;
  let resuming: NodeJS.Timeout | undefined;

  const flush = () => {
    if (isAway() || !writer.isOpen) return;
    clearTimeout(resuming);
    resuming = undefined;
    const batch = waiting;
    waiting = [];
    waitingBytes = 0;
    for (const { message } of batch) writer.write(message);
    writer.flush();
  };
  const flushSoon = () => {
    if (resuming === undefined) flush();
  };
  const dropOldest = () => {
    const oldest = waiting.shift();
    waitingBytes -= oldest?.size ?? 0;
    onError(new Error("NATS was away for too long: a message was dropped"), oldest?.message.subject ?? "");
  };

  /** Completes a message, and returns its size. */
  const form = (message: Outgoing, headers: Headers | undefined): number => {
    const { subject, payload } = message;
    if (connection.isClosed()) throw new Error(`${subject}: the connection is closed`);
    const fields = headers === undefined ? "" : bytesAsText(formatFields(headers));
    const size = payload.length + (fields === "" ? 0 : fields.length + HEADER_FRAME_BYTES);
    const limit = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (size > limit) throw new RangeError(`${subject}: ${size} bytes are over max_payload (${limit})`);
    message.fields = fields;
    return size;
  };
  const leave = (message: Outgoing, size: number) => {
    const mayLeave = waiting.length === 0 && resuming === undefined && !isAway();
    if (mayLeave && writer.write(message)) return;
    waiting.push({ message, size });
    waitingBytes += size;
    if (waiting.length === 1) setImmediate(flushSoon);
    while (waitingBytes > MAX_HELD_BYTES && !writer.isOpen) dropOldest();
  };
  const send = (message: Outgoing, headers: Headers | undefined) => leave(message, form(message, headers));
  const payloadOf = (data: Uint8Array | string) => (typeof data === "string" ? bytesAsText(data) : data);

  return {
    publish(subject, data, { reply, headers } = {}) {
      send({ subject: checkedSubject(subject), reply, payload: payloadOf(data) }, headers);
    },
    prepare(subject, data, { reply, headers } = {}) {
      const message: Outgoing = { subject: checkedSubject(subject), reply, payload: payloadOf(data) };
      const size = form(message, headers);
      return () => leave(message, size);
    },
    respond(reply, data, headers) {
      send({ subject: bytesAsText(reply), payload: payloadOf(data) }, headers);
    },
    flush,
    resume() {
      resuming = setTimeout(flush, RESUME_DELAY_MS);
    },
  };
}
