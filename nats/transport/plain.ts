/**
 * Connects by the client library's own transport and its public types alone. Slower than own.ts in bulk: bodies are copied,
 * and their frames come as messages like all others.
 */
import {
  connect,
  headers as createMsgHeaders,
  type MsgHdrs,
  type NatsConnection,
} from "@nats-io/transport-node";
import { DATA_FRAME_PREFIX } from "../../contracts/index.ts";
import { bytesAsText, textOf } from "./byte-text.ts";
import type { Outgoing, Wire, WireOptions, WireWriter } from "./wire.ts";

export async function connectPlain({ readTls, onSocketError: _, ...options }: WireOptions): Promise<Wire> {
  const tls = readTls();
  const connection = await connect(tls === undefined ? options : { ...options, tls });
  return {
    connection,
    open: ({ isAway, onError }) => new PlainWriter(connection, isAway, onError),
    // Frames go the way of all messages: their exchange reads them.
    takeMessages: () => () => undefined,
    takeData: () => () => undefined,
  };
}

class PlainWriter implements WireWriter {
  readonly #connection: NatsConnection;
  readonly #isAway: () => boolean;
  readonly #onError: (error: unknown, subject: string) => void;

  constructor(
    connection: NatsConnection,
    isAway: () => boolean,
    onError: (error: unknown, subject: string) => void,
  ) {
    this.#connection = connection;
    this.#isAway = isAway;
    this.#onError = onError;
  }

  get isOpen(): boolean {
    return !this.#connection.isClosed() && !this.#isAway();
  }

  write({ subject, reply, fields, payload, onSent }: Outgoing): boolean {
    const { isOpen } = this;
    if (isOpen) {
      try {
        const data = typeof payload === "string" ? textOf(payload) : payload;
        this.#connection.publish(textOf(subject), data, {
          ...(reply === undefined ? {} : { reply: textOf(reply) }),
          ...(fields === undefined || fields === "" ? {} : { headers: readFields(textOf(fields)) }),
        });
      } catch (error) {
        // A connection that drains takes nothing more.
        this.#onError(error, subject);
      }
    }
    onSent?.();
    return isOpen;
  }

  /** The library keeps a payload until it sends it, and does not say when: it gets a copy. */
  writeData(subject: string, seq: number, payload: Uint8Array, onSent?: () => void): void {
    const fields = `${DATA_FRAME_PREFIX}${seq}\r\n`;
    this.write({ subject: bytesAsText(subject), fields, payload: Buffer.from(payload) });
    if (onSent !== undefined) setImmediate(onSent);
  }

  flush(): void {
    // The library sends at the end of the turn, in the order of the calls.
  }
}

function readFields(fields: string): MsgHdrs {
  const headers = createMsgHeaders();
  for (const line of fields.split("\r\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 2));
  }
  return headers;
}
