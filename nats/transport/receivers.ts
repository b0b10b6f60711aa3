/**
 * The receivers of what a connection reads (splitter.ts). They outlive its sockets: the client library subscribes again
 * under the same numbers after a break.
 */
import type { FrameSink, Taker } from "./splitter.ts";

/** How many numbers a range has. The library counts its own from 1, and has made as many subscriptions never. */
const RANGE = 4_000_000_000;

export class Receivers {
  /** The takers of ranges, in their order. */
  readonly #ranges: Taker[] = [];
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

  /** Shows the messages of a range of numbers of its own to `taker`. */
  takeRange(taker: Taker): { readonly first: number; end(): void } {
    const place = this.#ranges.push(taker);
    return {
      first: place * RANGE,
      end: () => {
        this.#ranges[place - 1] = dropMessage;
      },
    };
  }

  takerOf(sid: number): Taker | undefined {
    return sid < RANGE ? this.#takers.get(sid) : this.#ranges[Math.floor(sid / RANGE) - 1];
  }

  sinkOf(subject: string): FrameSink | undefined {
    return this.#sinks.get(subject);
  }
}

/** A message that the server sent before it heard of the end of a range: the library does not know its number. */
function dropMessage(): void {
  // Nothing takes it.
}
