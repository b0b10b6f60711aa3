/**
 * Writes messages in NATS' own protocol (docs.nats.io, "Client Protocol"), past the client library: that makes several
 * pieces of memory for each message, and one more for all of them.
 *
 * I1  Messages leave in the order in which they were written, and after what the library had to say before the first.
 * I2  What is written within one turn of the event loop leaves at once, unless it is much.
 * I3  `onSent` is called in that order, too: whoever reuses memory round and round relies on it.
 */
import type { Socket } from "node:net";
import type { NatsConnection } from "@nats-io/transport-node";

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
/** A payload up to this size is copied: that is cheaper than a write of its own. */
const MAX_COPIED_BYTES = 4 * 1024;
/** So much is written without waiting for the turn to end. */
const MAX_WAITING_BYTES = 64 * 1024;

export class Writer {
  readonly #protocol: Protocol;
  /** Where what waits goes to; undefined: nothing waits. */
  #socket: Socket | undefined;
  /** What has not been given to the socket yet, a character a byte. */
  #text = "";
  #waitingBytes = 0;

  constructor(connection: NatsConnection) {
    this.#protocol = (connection as unknown as { protocol: Protocol }).protocol;
  }

  /** Whether there is a server that has let this connection in. */
  get isOpen(): boolean {
    return this.#openSocket() !== undefined;
  }

  /** What is written while there is no connection is dropped, and counts as sent. */
  write({ subject, reply, fields, payload, onSent }: Outgoing): void {
    if (!this.#begin()) {
      onSent?.();
      return;
    }
    const to = reply === undefined ? subject : `${subject} ${reply}`;
    const size = typeof payload === "string" ? Buffer.byteLength(payload) : payload.byteLength;
    if (fields === undefined || fields === "") this.#text += `PUB ${to} ${size}\r\n`;
    else {
      const block = bytesAsText(`${VERSION}${fields}${LINE_END}`);
      this.#text += `HPUB ${to} ${block.length} ${block.length + size}\r\n${block}`;
    }
    if (typeof payload === "string") this.#text += bytesAsText(payload);
    else if (size <= MAX_COPIED_BYTES && onSent === undefined) this.#text += latin1(payload);
    else this.#give(payload, onSent);
    this.#text += LINE_END;
    this.#waitingBytes += size;
    if (this.#waitingBytes >= MAX_WAITING_BYTES) this.flush();
  }

  flush(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (this.#text !== "") socket.write(this.#text, "latin1");
    socket.uncork();
    this.#socket = undefined;
    this.#text = "";
    this.#waitingBytes = 0;
  }

  #begin(): boolean {
    const socket = this.#openSocket();
    if (this.#socket === socket) return socket !== undefined;
    // What waited for a connection that is no more.
    this.flush();
    if (socket === undefined) return false;
    this.#protocol.flushPending();
    socket.cork();
    this.#socket = socket;
    setImmediate(() => this.flush());
    return true;
  }

  #give(payload: Uint8Array, onSent: (() => void) | undefined): void {
    this.#socket?.write(this.#text, "latin1");
    this.#socket?.write(payload, () => onSent?.());
    this.#text = "";
  }

  #openSocket(): Socket | undefined {
    const { connected, transport } = this.#protocol;
    return connected && transport.socket.writable ? transport.socket : undefined;
  }
}

/** What there is of the library's connection, and its types do not show. */
interface Protocol {
  /** The server has let it in. */
  readonly connected: boolean;
  readonly transport: { readonly socket: Socket };
  /** Says now what would be said at the end of the turn. */
  flushPending(): void;
}

/** UTF-8, a character a byte. */
function bytesAsText(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString("latin1");
}

function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}
