/** The sinks of a connection's data frames (splitter.ts): each subject has one. */
import type { FrameSink } from "./splitter.ts";

export class DataFrames {
  readonly #sinks = new Map<string, FrameSink>();

  /** Shows the data frames that come on a subject to `sink` alone; returns the function that ends it. */
  take(subject: string, sink: FrameSink): () => void {
    this.#sinks.set(subject, sink);
    return () => {
      if (this.#sinks.get(subject) === sink) this.#sinks.delete(subject);
    };
  }

  sinkOf(subject: string): FrameSink | undefined {
    return this.#sinks.get(subject);
  }
}
