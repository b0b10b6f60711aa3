/**
 * The kills of the matrix: each is a role, a kind of append to a journal, and a moment. A seed gives their order; no cell comes a
 * second time before all have come once.
 */
import type { JournalMessage, WorkflowRecord } from "../../../contracts/index.ts";
import type { Random } from "../random.ts";

export const VICTIMS = ["host", "runner", "gateway", "nats-server"] as const;
export type Victim = (typeof VICTIMS)[number];

/**
 * `effect`: a step's effect, whose result is the next append of its workflow. The others are appends: `start`, `signal`, `timer` and
 * `child` are inputs; `result` is a record with facts, `asleep` one with a timer, `end` the last one.
 */
const INPUTS = ["start", "signal", "timer", "child"] as const;
const RECORDS = ["result", "asleep", "end"] as const;
type Kind = (typeof INPUTS)[number] | (typeof RECORDS)[number];

/**
 * `before`: a step's effect is under way, and the append has not been sent. `inside`: the append is on its way to the stream. `after`: the
 * stream has it, and its sender may not have read the acknowledgement.
 */
export const MOMENTS = ["before", "inside", "after"] as const;
export type Moment = (typeof MOMENTS)[number];

export interface Kill {
  victim: Victim;
  moment: Moment;
  kind: Kind;
}

/** Steps run before a record with their results alone. */
const CELLS: readonly Kill[] = VICTIMS.flatMap((victim) => [
  { victim, moment: "before", kind: "result" } as const,
  ...(["inside", "after"] as const).flatMap((moment) =>
    [...INPUTS, ...RECORDS].map((kind) => ({ victim, moment, kind })),
  ),
]);

export const CELL_COUNT = CELLS.length;

/** Cells for ever, each round in a new order. */
export function* killsOf(random: Random): Generator<Kill, never> {
  for (;;) {
    const left = [...CELLS];
    while (left.length > 0) yield* left.splice(random.between(0, left.length - 1), 1);
  }
}

/** The kinds of an append: one record may have results, and set a timer as well. */
export function kindsOf(subject: string, text: string): Kind[] {
  const message = JSON.parse(text) as JournalMessage["in"] | WorkflowRecord;
  if (message === undefined) return [];
  if ("t" in message) return INPUTS.filter((kind) => kind === message.t);
  if (!subject.endsWith(".log")) return [];
  const { got = [], due, state } = message;
  const isEnd = state === "done" || state === "failed";
  return RECORDS.filter((kind) =>
    kind === "result" ? got.length > 0 : kind === "asleep" ? due !== undefined : isEnd,
  );
}
