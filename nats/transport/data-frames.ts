/**
 * The data frames of a connection's streams, past the client library: who takes those that come, and a way out for others.
 *
 * I1  Frames leave in the order in which they were sent, and what the library writes is never cut apart by them.
 * I2  What is sent within one turn of the event loop leaves in one write, unless it is much.
 * I3  `onSent` is called in the order of the frames, too: whoever reuses memory round and round relies on it.
 * I4  A frame that is sent while NATS is away is dropped: its stream breaks when the connection is back.
 */
import type { Socket } from "node:net";
import { DATA_FRAME_PREFIX } from "../../contracts/index.ts";
import type { FrameSink } from "./splitter.ts";

/** A frame up to this size is put together in one piece: that is cheaper than writing three. */
const MAX_JOINED_BYTES = 4 * 1024;
/** So much is written at once. */
const MAX_CORKED_BYTES = 64 * 1024;

export class DataFrames {
  readonly #sinks = new Map<string, FrameSink>();
  #socket: Socket | undefined;
  #corked: Socket | undefined;
  #corkedBytes = 0;

  /** Shows the data frames that come on a subject to `sink` alone; returns what ends that. */
  take(subject: string, sink: FrameSink): () => void {
    this.#sinks.set(subject, sink);
    return () => {
      if (this.#sinks.get(subject) === sink) this.#sinks.delete(subject);
    };
  }

  sinkOf(subject: string): FrameSink | undefined {
    return this.#sinks.get(subject);
  }

  /** A connection is there; undefined: it is gone. */
  connect(socket: Socket | undefined): void {
    this.#socket = socket;
  }

  /** The bytes stay as they are until they have left, when `onSent` is called. */
  send(subject: string, seq: number, bytes: Uint8Array, onSent?: () => void): void {
    const socket = this.#socket;
    if (socket === undefined || !socket.writable) {
      onSent?.();
      return;
    }
    const fields = `${DATA_FRAME_PREFIX}${seq}\r\n\r\n`;
    const headerSize = "NATS/1.0\r\n".length + fields.length;
    const head = `HPUB ${subject} ${headerSize} ${headerSize + bytes.byteLength}\r\nNATS/1.0\r\n${fields}`;
    this.#cork(socket, head.length + bytes.byteLength);
    if (bytes.byteLength <= MAX_JOINED_BYTES) {
      const joined = Buffer.allocUnsafe(head.length + bytes.byteLength + 2);
      joined.write(head, 0, "latin1");
      joined.set(bytes, head.length);
      joined.write("\r\n", head.length + bytes.byteLength, "latin1");
      socket.write(joined, onSent);
    } else {
      socket.write(head, "latin1");
      socket.write(bytes);
      socket.write("\r\n", "latin1", onSent);
    }
    if (this.#corkedBytes >= MAX_CORKED_BYTES) this.#uncork();
  }

  #cork(socket: Socket, size: number): void {
    if (this.#corked !== socket) {
      this.#uncork();
      socket.cork();
      this.#corked = socket;
      setImmediate(() => this.#uncork());
    }
    this.#corkedBytes += size;
  }

  #uncork(): void {
    this.#corked?.uncork();
    this.#corked = undefined;
    this.#corkedBytes = 0;
  }
}
