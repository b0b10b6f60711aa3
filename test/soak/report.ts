import { type Exchange, FAULT_REACH_MS, type Fault, type Verdict } from "./ledger.ts";
import type { Holdings } from "./processes.ts";

const MIB = 1_024 * 1_024;
/** Upper bound of the growth of a process's memory. */
const GROWTH = 1.15;
/** Upper bound of additional descriptors: idle connections, or a file that is being read. */
const SPARE_DESCRIPTORS = 5;
const MOST_SHOWN = 10;

const startedAt = performance.now();

/** Prints one line with the seconds since the start. */
export function say(line: string): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7);
  process.stdout.write(`${seconds} s  ${line}\n`);
}

/** Prints the first exchanges of each kind, with the times of their events. */
export function printExchanges({ wrong, hung, avoidable }: Verdict, faults: readonly Fault[]): void {
  for (const [title, list] of Object.entries({ wrong, hung, avoidable })) {
    for (const exchange of list.slice(0, MOST_SHOWN)) say(`${title}: ${describe(exchange, faults)}`);
    if (list.length > MOST_SHOWN) say(`${title}: ${list.length - MOST_SHOWN} more`);
  }
}

function describe({ what, id, sentAt, endedAt, outcome }: Exchange, faults: readonly Fault[]): string {
  const last = faults.findLast(({ atMs }) => atMs <= endedAt);
  const since =
    last === undefined
      ? "before any fault"
      : `sent ${((sentAt - last.atMs) / 1_000).toFixed(2)} s after a kill of ${last.what}`;
  return `${what} ${id}: ${JSON.stringify(outcome)}, ${(endedAt - sentAt).toFixed(0)} ms, ${since}`;
}

/** Prints the counts. Returns whether all is well. */
export function printVerdict(verdict: Verdict): boolean {
  const { requests, right, unavoidable, wrong, hung, avoidable, twice } = verdict;
  say(
    `${requests} requests, ${right} right, ${unavoidable} failed by a fault within ${FAULT_REACH_MS} ms of it`,
  );
  say(
    `${wrong.length} wrong, ${hung.length} hung, ${avoidable.length} avoidable failures, ${twice.length} begun twice`,
  );
  return [wrong, hung, avoidable, twice].every(({ length }) => length === 0);
}

/** Whether a process is back at its memory and descriptors, except for `growth`. */
export function holdsNoMore(before: Holdings, after: Holdings, growth = GROWTH): boolean {
  return (
    after.memoryBytes <= before.memoryBytes * growth &&
    after.descriptors <= before.descriptors * growth + SPARE_DESCRIPTORS
  );
}

/** Prints the holdings of each role before and after. Returns whether all are back, except for `growth`. */
export function printHoldings<R extends string>(
  before: Record<R, Holdings>,
  after: Record<R, Holdings>,
  growth = GROWTH,
): boolean {
  const roles = Object.keys(before) as R[];
  return roles
    .map((role) => {
      const isBack = holdsNoMore(before[role], after[role], growth);
      const memory = [before, after]
        .map((holdings) => (holdings[role].memoryBytes / MIB).toFixed(1))
        .join(" → ");
      const descriptors = `${before[role].descriptors} → ${after[role].descriptors}`;
      say(`${role.padEnd(12)} ${memory} MiB, ${descriptors} descriptors${isBack ? "" : ": too much"}`);
      return isBack;
    })
    .every(Boolean);
}
