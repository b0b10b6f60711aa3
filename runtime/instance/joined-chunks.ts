/**
 * Joins the chunks of a body that come in one turn of the event loop, so that they enter the isolate by one call.
 *
 * I1  Each byte is copied once, in order. Its memory is held until then, or copied where it cannot be held.
 * I2  A joined chunk has `MAX_JOINED_BYTES` at most. V8 counts the objects of an isolate, not the memory behind them, before it
 *     collects them: larger chunks would be more garbage.
 */
import { MAX_FRAME_BYTES } from "../../contracts/index.ts";
import type { Lease } from "../../nats/index.ts";
import type { RequestBody } from "./sandbox.ts";

const MAX_JOINED_BYTES = MAX_FRAME_BYTES;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly letGo: (() => void) | undefined;
}

export class JoinedChunks {
  readonly #body: Omit<RequestBody, "id" | "end">;
  /** The chunks that the body could not copy at once. */
  #chunks: Chunk[] = [];
  #size = 0;
  #isScheduled = false;

  constructor(body: Omit<RequestBody, "id" | "end">) {
    this.#body = body;
  }

  push(bytes: Uint8Array, lease: Lease): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.flush());
    }
    if (this.#chunks.length === 0 && this.#body.copy(bytes)) return;
    const letGo = lease.hold();
    this.#chunks.push({ bytes: letGo === undefined ? new Uint8Array(bytes) : bytes, letGo });
    this.#size += bytes.byteLength;
  }

  /** Hands over all chunks now. */
  flush(): void {
    this.#isScheduled = false;
    this.#body.flush();
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    let left = this.#size;
    this.#chunks = [];
    this.#size = 0;
    let joined = new Uint8Array(Math.min(left, MAX_JOINED_BYTES));
    let at = 0;
    for (const { bytes, letGo } of chunks) {
      for (let from = 0; from < bytes.byteLength; ) {
        const part = bytes.subarray(from, from + joined.byteLength - at);
        joined.set(part, at);
        at += part.byteLength;
        from += part.byteLength;
        if (at < joined.byteLength) continue;
        this.#body.push(joined.buffer);
        left -= at;
        at = 0;
        joined = new Uint8Array(Math.min(left, MAX_JOINED_BYTES));
      }
      letGo?.();
    }
  }
}
