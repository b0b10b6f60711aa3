import { Credit } from "./credit.ts";
import {
  decodeCredit,
  encodeCredit,
  encodeJson,
  type Kind,
  kinds,
  type PipeMessage,
  piecesOf,
} from "./pipe.ts";

/** Sends one message of a stream to the QUIC process. */
export type SendMessage = (kind: Kind, id: number, payload: Uint8Array) => Promise<void>;

const NOTHING = new Uint8Array();

/**
 * A bidirectional stream of a QUIC connection.
 *
 * I1  `bytes` ends when the other side has ended its own, and throws where that broke off: a part is never taken for the whole.
 * I2  At most a window of bytes waits on this side; the other side sends on when they are read.
 */
export class QuicStream {
  readonly id: number;
  readonly #send: SendMessage;
  readonly #onOver: () => void;
  readonly #credit = new Credit();
  readonly #opened = Promise.withResolvers<void>();
  readonly #waiting: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #ended: { error: Error | undefined } | undefined;
  /** The halves that are open. */
  #open = { in: true, out: true };

  constructor(id: number, send: SendMessage, onOver: () => void) {
    this.id = id;
    this.#send = send;
    this.#onOver = onOver;
    this.#opened.promise.catch(() => undefined);
  }

  /** Throws the error of a broken stream. */
  async *bytes(): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        const piece = this.#waiting.shift();
        if (piece !== undefined) {
          await this.#send(kinds.credit, this.id, encodeCredit(piece.byteLength));
          yield piece;
        } else if (this.#ended !== undefined) {
          if (this.#ended.error !== undefined) throw this.#ended.error;
          return;
        } else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.stopReading();
    }
  }

  /** Resolves when the bytes are on their way. Rejects where the other side takes no more. */
  async write(bytes: Uint8Array): Promise<void> {
    for (const piece of piecesOf(bytes)) {
      let rest = piece;
      while (rest.byteLength > 0) {
        const count = await this.#credit.take(rest.byteLength);
        if (count === 0) throw new Error("the other side takes no more of this stream");
        await this.#send(kinds.data, this.id, rest.subarray(0, count));
        rest = rest.subarray(count);
      }
    }
  }

  /** Nothing follows. */
  async end(): Promise<void> {
    await this.#opened.promise;
    await this.#finish(kinds.end, NOTHING);
  }

  /** Breaks off both halves. */
  abort(message: string): void {
    this.stopReading();
    void this.#finish(kinds.reset, encodeJson({ message }));
  }

  stopReading(): void {
    if (!this.#open.in) return;
    this.#open.in = false;
    this.#waiting.length = 0;
    if (this.#ended === undefined) void this.#send(kinds.stop, this.id, NOTHING).catch(() => undefined);
    this.#look();
  }

  /** A message of the process about this stream. */
  take({ kind, payload }: PipeMessage): void {
    if (kind === kinds.credit) {
      this.#opened.resolve();
      this.#credit.grant(decodeCredit(payload));
    } else if (kind === kinds.data && this.#open.in) this.#waiting.push(payload);
    else if (kind === kinds.end) this.#ended ??= { error: undefined };
    else if (kind === kinds.stop) void this.#finish(kinds.reset, encodeJson({ message: "not wanted" }));
    else if (kind === kinds.reset || kind === kinds.failed)
      this.break(new Error(`the stream broke off: ${new TextDecoder().decode(payload)}`));
    this.#wake?.();
  }

  /** Its connection is over. */
  break(error: Error): void {
    this.#ended ??= { error };
    this.#opened.reject(error);
    this.#open.out = false;
    this.#credit.end();
    this.#wake?.();
    this.#look();
  }

  async #finish(kind: Kind, payload: Uint8Array): Promise<void> {
    if (!this.#open.out) return;
    this.#open.out = false;
    this.#credit.end();
    await this.#send(kind, this.id, payload).catch(() => undefined);
    this.#look();
  }

  #look(): void {
    if (!this.#open.in && !this.#open.out) this.#onOver();
  }
}
