import type { Frame } from "../contracts/index.ts";
import type { Headers } from "../nats/index.ts";

/**
 * How one side of a stream reaches the other: over NATS (nats-channel.ts), or over a
 * connection of this machine (socket-channel.ts). A link keeps the order of its frames. It may lose
 * one: each side counts them.
 */
export interface Link {
  /**
   * Sends a frame. The payload of `data` stays as it is until it has left, when `done` is called; no other payload changes.
   * `trailers` go with an `end`.
   */
  send(frame: Frame, payload: Uint8Array | string, done?: () => void, trailers?: Headers): void;
}

/** The content of a message with a frame. */
export interface Arrived {
  readonly data: Uint8Array;
  /** The trailers of an `end`, and fields of the link's own. */
  readonly headers: Headers | undefined;
}
