/**
 * The order of everything that leaves on one socket: narun's own messages, and the commands of the client library.
 *
 * I1  A lane is the only writer of its socket: the transport hands it the library's commands, too.
 * I2  One call brings whole messages or commands. All of its bytes take their place before the call returns, so
 *     nothing lands inside a message.
 * I3  Bytes leave in the order of the calls, and `onSent` is called in that order, too: memory is reused round and
 *     round.
 * I4  Messages of one turn of the event loop leave together, unless they are many.
 */
import type { Socket } from "node:net";

const LINE_END = "\r\n";
/** Upper bound of a payload that is copied: a small copy is cheaper than a write of its own. */
const MAX_COPIED_BYTES = 4 * 1024;
/** Upper bound of bytes that wait for the turn to end. */
const MAX_WAITING_BYTES = 64 * 1024;

export class Lane {
  readonly #socket: Socket;
  /** Text that the socket has not got yet, a character a byte. All earlier text is in the socket, before it. */
  #text = "";
  #isCorked = false;
  #waitingBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isOpen(): boolean {
    return this.#socket.writable;
  }

  /**
   * A message: its line and header block, and its payload. Texts have a character a byte. The payload stays as it is until it
   * has left, when `onSent` is called.
   */
  message(head: string, payload: Uint8Array | string, onSent?: () => void): void {
    this.#cork();
    this.#text += head;
    if (typeof payload === "string") this.#text += payload;
    else if (payload.byteLength <= MAX_COPIED_BYTES && onSent === undefined) this.#text += latin1(payload);
    else {
      this.#passText();
      this.#socket.write(payload, () => onSent?.());
    }
    this.#text += LINE_END;
    this.#waitingBytes += head.length + payload.length;
    if (this.#waitingBytes >= MAX_WAITING_BYTES) this.flush();
  }

  /** Whole commands of the library, or none: then `onSent` tells when all before it has left. */
  commands(bytes: Uint8Array, onSent: (error?: Error | null) => void): void {
    this.#passText();
    this.#socket.write(bytes, onSent);
  }

  /** Sends what waits for the turn to end. */
  flush(): void {
    if (!this.#isCorked) return;
    this.#passText();
    this.#isCorked = false;
    this.#waitingBytes = 0;
    this.#socket.uncork();
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    setImmediate(() => this.flush());
  }

  #passText(): void {
    if (this.#text === "") return;
    this.#socket.write(this.#text, "latin1");
    this.#text = "";
  }
}

function latin1(payload: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = payload;
  if (byteLength === 0) return "";
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(buffer, byteOffset, byteLength);
  return bytes.toString("latin1");
}
