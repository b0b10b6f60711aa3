/**
 * The facts of a record that stay in clear in a sealed journal: names of steps, states, times. A seal over them binds them to the
 * workflow and to the record before, so that no entry is altered, swapped or left out unseen.
 *
 * I1  The values of a bound record open in a bound record alone: a seal that was taken off is noticed by them.
 */
import type { WorkflowRecord } from "./workflow.ts";

/** The seal over a record. `after`: the sequence of the record before, 0 for the first. */
export interface RecordBond {
  after: number;
  "~sealed": string;
}

/** All of a record but its values, which have seals of their own. */
export function factsOfRecord(record: WorkflowRecord): string {
  const { got, value, fault, kept, bond: _, ...facts } = record;
  return JSON.stringify({
    ...facts,
    got: got?.map(([n, what, , at]) => [n, what, at ?? null]),
    hasValue: value !== undefined,
    fault: fault && [fault.name, fault.code ?? null],
    kept: kept?.map(({ name }) => name),
  });
}

/** Whether a record has effects on the run that a replay takes from it. Marks, and ends by a runner, have none. */
export function hasEffects({ did, got, kept }: WorkflowRecord): boolean {
  return [did, got, kept].some((part) => part !== undefined && part.length > 0);
}
