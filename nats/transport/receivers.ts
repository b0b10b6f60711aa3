/**
 * The receivers of what a connection reads (splitter.ts). They outlive its sockets: the client library subscribes again
 * under the same numbers after a break.
 */
import type { FrameSink, Taker } from "./splitter.ts";

export class Receivers {
  readonly #takers = new Map<number, Taker>();
  readonly #sinks = new Map<string, FrameSink>();

  /** Shows the messages of a subscription to `taker` alone; returns the function that ends it. */
  takeMessages(sid: number, taker: Taker): () => void {
    this.#takers.set(sid, taker);
    return () => this.#takers.delete(sid);
  }

  /** Shows the data frames that come on a subject to `sink` alone; returns the function that ends it. */
  takeData(subject: string, sink: FrameSink): () => void {
    this.#sinks.set(subject, sink);
    return () => {
      if (this.#sinks.get(subject) === sink) this.#sinks.delete(subject);
    };
  }

  takerOf(sid: number): Taker | undefined {
    return this.#takers.get(sid);
  }

  sinkOf(subject: string): FrameSink | undefined {
    return this.#sinks.get(subject);
  }
}
