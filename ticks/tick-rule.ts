/** A rule that says when a schedule is due. Instants are epoch milliseconds. */
export interface TickRule {
  /** The first tick after an instant; undefined where there is none. `anchorMs` is where `@every` counts from. */
  next(afterMs: number, anchorMs: number): number | undefined;
  /** The last ticks up to an instant, that one included: at most `count`, the oldest first. */
  last(untilMs: number, anchorMs: number, count: number): number[];
}
