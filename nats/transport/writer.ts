/**
 * Writes messages in NATS' own protocol (docs.nats.io, "Client Protocol"), past the client library, which makes
 * several pieces of memory for each message, and one more for all of them.
 *
 * I1  Messages take their place in the connection's lane in the order in which they are written, each after
 *     everything that the library had to say by then: a subscription is there before the message that is answered on
 *     it.
 * I2  A message goes to the lane whole (lane.ts).
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { DATA_FRAME_PREFIX } from "../../contracts/index.ts";
import { bytesAsText } from "./byte-text.ts";
import type { Lane } from "./lane.ts";
import type { Outgoing, WireWriter } from "./wire.ts";

const VERSION = "NATS/1.0\r\n";
const LINE_END = "\r\n";

export class Writer implements WireWriter {
  readonly #protocol: Protocol;

  constructor(connection: NatsConnection) {
    this.#protocol = (connection as unknown as { protocol: Protocol }).protocol;
  }

  get isOpen(): boolean {
    return this.#lane() !== undefined;
  }

  write({ subject, reply, fields, payload, onSent }: Outgoing): boolean {
    const lane = this.#lane();
    if (lane === undefined) {
      onSent?.();
      return false;
    }
    this.#protocol.flushPending();
    const to = reply === undefined ? subject : `${subject} ${reply}`;
    lane.message(headOf(to, fields, payload.length), payload, onSent);
    return true;
  }

  writeData(subject: string, seq: number, payload: Uint8Array, onSent?: () => void): void {
    this.write({ subject: bytesAsText(subject), fields: `${DATA_FRAME_PREFIX}${seq}\r\n`, payload, onSent });
  }

  /** A subscription takes its place behind all that was written before. */
  command(text: string): void {
    const lane = this.#lane();
    if (lane === undefined) return;
    this.#protocol.flushPending();
    lane.commands(Buffer.from(text), () => undefined);
  }

  flush(): void {
    this.#lane()?.flush();
  }

  #lane(): Lane | undefined {
    const { connected, transport } = this.#protocol;
    return connected && transport.lane?.isOpen === true ? transport.lane : undefined;
  }
}

/** The fields of the library's connection that its types do not show. */
interface Protocol {
  /** The server has accepted the login. */
  readonly connected: boolean;
  readonly transport: { readonly lane: Lane | undefined };
  /** Sends the commands now that wait for the end of the turn. */
  flushPending(): void;
}

/** A message's line, and its header block where it has fields: a character a byte. */
function headOf(to: string, fields: string | undefined, size: number): string {
  if (fields === undefined || fields === "") return `PUB ${to} ${size}\r\n`;
  const blockSize = VERSION.length + fields.length + LINE_END.length;
  return `HPUB ${to} ${blockSize} ${blockSize + size}\r\n${VERSION}${fields}${LINE_END}`;
}
