/**
 * Writes messages in NATS' own protocol (docs.nats.io, "Client Protocol"), past the client library: that makes several
 * pieces of memory for each message, and one more for all of them.
 *
 * I1  Messages take their place in the connection's lane in the order in which they are written, each after everything
 *     that the library had to say by then: a subscription is there before the message that is answered on it.
 * I2  A message goes to the lane whole (lane.ts).
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { bytesAsText, type Lane } from "./lane.ts";

export interface Outgoing {
  subject: string;
  reply?: string | undefined;
  /** Header fields as lines, each with its line end (`formatFields`). Default: none. */
  fields?: string;
  /** It stays as it is until it has left, when `onSent` is called. */
  payload: Uint8Array | string;
  onSent?: (() => void) | undefined;
}

const VERSION = "NATS/1.0\r\n";
const LINE_END = "\r\n";

export class Writer {
  readonly #protocol: Protocol;

  constructor(connection: NatsConnection) {
    this.#protocol = (connection as unknown as { protocol: Protocol }).protocol;
  }

  /** Whether there is a server that has let this connection in. */
  get isOpen(): boolean {
    return this.#lane() !== undefined;
  }

  /** What is written while there is no connection is dropped, and counts as sent. */
  write({ subject, reply, fields, payload, onSent }: Outgoing): void {
    const lane = this.#lane();
    if (lane === undefined) {
      onSent?.();
      return;
    }
    this.#protocol.flushPending();
    const to = reply === undefined ? subject : `${subject} ${reply}`;
    const size = typeof payload === "string" ? Buffer.byteLength(payload) : payload.byteLength;
    lane.message(headOf(to, fields, size), payload, onSent);
  }

  flush(): void {
    this.#lane()?.flush();
  }

  #lane(): Lane | undefined {
    const { connected, transport } = this.#protocol;
    return connected && transport.lane?.isOpen === true ? transport.lane : undefined;
  }
}

/** What there is of the library's connection, and its types do not show. */
interface Protocol {
  /** The server has let it in. */
  readonly connected: boolean;
  readonly transport: { readonly lane: Lane | undefined };
  /** Says now what would be said at the end of the turn. */
  flushPending(): void;
}

/** A message's line, and its header block where it has fields: a character a byte. */
function headOf(to: string, fields: string | undefined, size: number): string {
  if (fields === undefined || fields === "") return `PUB ${bytesAsText(to)} ${size}\r\n`;
  const block = bytesAsText(`${VERSION}${fields}${LINE_END}`);
  return `HPUB ${bytesAsText(to)} ${block.length} ${block.length + size}\r\n${block}`;
}
