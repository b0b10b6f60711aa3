/** Kills by a seed: a host, the node-runner or nats-server, in turn, with time to recover between. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./ledger.ts";
import { rolesOf } from "./processes.ts";
import type { Random } from "./random.ts";

const KINDS = ["host", "host", "runner", "nats-server"] as const;
const SHORTEST_PAUSE_MS = 6_000;
const LONGEST_PAUSE_MS = 12_000;

/** Kills processes until `signal` aborts. */
export async function injectFaults(
  pid: number,
  random: Random,
  signal: AbortSignal,
  onFault: (fault: Fault) => void,
): Promise<void> {
  while (await passes(random.between(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS), signal)) {
    const what = random.pick(KINDS);
    const victims = rolesOf(pid)[what];
    const victim = victims[random.between(0, Math.max(0, victims.length - 1))];
    if (victim === undefined) continue;
    onFault({ what, atMs: performance.now() });
    process.kill(victim, "SIGKILL");
  }
}

/** True if the time passed without an abort. */
export function passes(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}
