/** The cost of the readers of events. No label: a pattern is the client's choice. */
export interface EventMetrics {
  /** The readers that are connected now. */
  readers(count: number): void;
  /** A piece that a reader took. */
  told(bytes: number): void;
  /** A reader that was cut: it took nothing for too long, or its events could not be read. */
  cut(): void;
}
