import type { FrameSink } from "../nats/index.ts";
import type { Link } from "./link.ts";

/**
 * The way of one exchange to its other side, whatever carries it: NATS (nats-channel.ts), or a connection between two processes of
 * one machine (socket-channel.ts).
 */
export interface Channel {
  readonly link: Link;
  /**
   * Shows the data frames of the other side to `sink`, where the carrier brings them apart from the other frames; returns the
   * function that ends it.
   */
  takeData(sink: FrameSink): () => void;
}

/** The answering side's way to the asker. */
export interface AskerChannel extends Channel {
  /** Calls back when the asker is gone, or frames may be lost; returns the function that ends it. */
  follow(onGone: (code: string) => void): () => void;
}

/** The asking side's way to the answerer. */
export interface AnswererChannel extends Channel {
  /** Shows the answerer that the asker is alive, until the returned function is called. */
  attend(): () => void;
}
