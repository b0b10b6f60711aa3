/** Lines in which nats-server warns of what belongs to its life in a cluster. They say nothing to an operator. */

/** How long a server that starts may look for the others. */
const START_MS = 10_000;

/** Each start of a server with routes has them. Later they tell of a cluster without a majority. */
const AT_START = [
  "Waiting for routing to be established",
  "JetStream has not established contact with a meta leader",
];

/** A server that ends, or that joins, writes its state down. */
const AT_ANY_TIME = /^\[WRN\] Metalayer blocking snapshot (?:starting|took 0\.)/;

/** `ageMs`: since the start of the process. */
export function isRoutine(line: string, ageMs: number): boolean {
  if (AT_ANY_TIME.test(line)) return true;
  return ageMs < START_MS && AT_START.some((text) => line.startsWith(`[WRN] ${text}`));
}
