import type { Frame } from "../../contracts/index.ts";
import type { Headers } from "../../nats/headers.ts";
import type { Arrived, Link } from "../link.ts";

export interface Arrival extends Arrived {
  readonly frame: Frame;
}

/** A link within the process: its frames wait until they are taken, or go to `receive` in a later turn. */
export class MemoryLink implements Link {
  readonly arrivals: Arrival[] = [];
  /** Bytes of the frames that count against the credit. */
  sentBytes = 0;
  grantedBytes = 0;
  readonly #receive: ((arrival: Arrival) => void) | undefined;

  constructor(receive?: (arrival: Arrival) => void) {
    this.#receive = receive;
  }

  send(frame: Frame, payload: Uint8Array | string, done?: () => void, trailers?: Headers): void {
    // A copy: the payload may change when it has left.
    this.arrivals.push({ frame, data: Buffer.from(payload), headers: trailers });
    if (frame.kind === "data" || frame.kind === "text" || frame.kind === "binary")
      this.sentBytes += payload.length;
    if (frame.kind === "credit") this.grantedBytes += frame.bytes;
    done?.();
    if (this.#receive === undefined) return;
    setImmediate(() => {
      const arrival = this.shift();
      if (arrival !== undefined) this.#receive?.(arrival);
    });
  }

  shift(): Arrival | undefined {
    return this.arrivals.shift();
  }
}
