/**
 * Joins the chunks of a body that come in one turn of the event loop, so that they enter the isolate by one call: it costs as much
 * as several copies of them.
 *
 * I1  Each byte is copied once, in order. Its memory is held until then, or copied where it cannot be held.
 * I2  A joined chunk has `MAX_JOINED_BYTES` at most. V8 counts the objects of an isolate, not the memory behind them, before it
 *     collects them: larger chunks would be more garbage.
 * I3  Copied chunks of a fast flow (bulk-flow.ts) wait for `BATCH_BYTES`, a millisecond at most, or for any other chunk.
 */
import { MAX_FRAME_BYTES } from "../../contracts/index.ts";
import type { Lease } from "../../nats/index.ts";
import { BULK_WAIT_MS, BulkFlow } from "./bulk-flow.ts";
import type { RequestBody } from "./sandbox.ts";

const MAX_JOINED_BYTES = MAX_FRAME_BYTES;

/** Copied bytes that enter the isolate together: half of the credit of a stream that carries much. */
const BATCH_BYTES = 256 * 1024;

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
  readonly #flow: BulkFlow;
  #copied = 0;
  /** Copied bytes wait for more. */
  #wait: NodeJS.Timeout | undefined;

  constructor(body: Omit<RequestBody, "id" | "end">, flow = new BulkFlow()) {
    this.#body = body;
    this.#flow = flow;
  }

  push(bytes: Uint8Array, lease: Lease): void {
    if (this.#chunks.length === 0 && this.#body.copy(bytes)) {
      this.#copied += bytes.byteLength;
      if (!this.#flow.mayWait(bytes.byteLength)) this.#schedule();
      else if (this.#copied >= BATCH_BYTES) this.flush();
      else if (!this.#isScheduled) this.#wait ??= setTimeout(() => this.flush(), BULK_WAIT_MS);
      return;
    }
    this.#schedule();
    const letGo = lease.hold();
    this.#chunks.push({ bytes: letGo === undefined ? new Uint8Array(bytes) : bytes, letGo });
    this.#size += bytes.byteLength;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.flush());
  }

  /** Hands over all chunks now. */
  flush(): void {
    this.#isScheduled = false;
    this.#copied = 0;
    clearTimeout(this.#wait);
    this.#wait = undefined;
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
