/**
 * How the runs of an instance begin and end: pure decisions.
 *
 * I1  Of several workers that have the same order one begins the run: its claim is written by the sequence that it read.
 * I2  A run that ends without a result is followed by another one, from the last checkpoint, at most `MAX_ATTEMPTS` times in a
 *     row without a new checkpoint.
 * I3  A run that a former node did not end in order counts as a crash.
 */
import { type Instance, isFinal } from "./record.ts";
import { finish } from "./transitions.ts";

/** Upper bound of crashes in a row without progress. */
const MAX_ATTEMPTS = 5;

const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 10_000;

export type Claim =
  /** The order is old, or the instance has finished. */
  | { kind: "drop" }
  /** The instance is not written yet. */
  | { kind: "wait" }
  | { kind: "begin"; next: Instance }
  /** It has crashed too often: it is not begun any more. */
  | { kind: "give-up"; next: Instance };

export interface ClaimOrder {
  generation: number;
  node: string;
  /** The sequence of the instance's last checkpoint or sleep; 0: it has none. */
  progress: number;
  /** The mark of this claim. */
  mark?: string;
}

export function claim(
  instance: Instance | undefined,
  { generation, node, progress, mark }: ClaimOrder,
  now: number,
): Claim {
  if (instance === undefined || generation > instance.generation) return { kind: "wait" };
  if (isFinal(instance) || generation < instance.generation) return { kind: "drop" };
  let next = instance;
  if (instance.status === "running") {
    // Its former node is dead, or has not told for a while.
    const crashed = countCrash(instance, progress);
    if (crashed.attempts >= MAX_ATTEMPTS)
      return { kind: "give-up", next: giveUp(crashed, "its node was lost", now) };
    next = { ...crashed, ranMs: ranUntil(instance, now) };
  }
  const { hasRegistered: _, claim: __, ...rest } = next;
  const begun: Instance = {
    ...rest,
    status: "running",
    run: next.run + 1,
    node,
    ...(mark === undefined ? {} : { claim: mark }),
    runSinceMs: now,
    startedAtMs: next.startedAtMs ?? now,
  };
  return { kind: "begin", next: begun };
}

/** How a process ended. */
export interface ProcessEnd {
  exitCode: number | null;
  signal: string | null;
  stderr: string;
  /** Why narun ended it. Undefined: it ended by itself. */
  because?: "timeout" | "stop" | "node" | "sleep";
  /** Why no node can run it. */
  failure?: string;
  progress: number;
}

export type Ended =
  | { kind: "over"; next: Instance }
  /** Another run has the order by now. */
  | { kind: "replaced" }
  /** The same order is carried out again. */
  | { kind: "again"; next: Instance; pauseMs: number };

export function ended(instance: Instance, run: number, end: ProcessEnd, now: number): Ended {
  if (instance.run !== run) return { kind: "replaced" };
  const known: Instance = {
    ...instance,
    ranMs: ranUntil(instance, now),
    ...(end.stderr === "" ? {} : { stderr: end.stderr }),
    ...(end.exitCode === null ? {} : { exitCode: end.exitCode }),
  };
  delete known.runSinceMs;
  if (isFinal(instance) || instance.status === "suspended") return { kind: "over", next: known };
  if (end.because === "node") return { kind: "again", next: { ...known, status: "pending" }, pauseMs: 0 };
  return { ...decideEnd(known, end, now) };
}

function decideEnd(known: Instance, end: ProcessEnd, now: number): Ended {
  if (end.because === "timeout") {
    const error = `it ran for more than ${known.timeoutSeconds} s (timeout_seconds)`;
    return { kind: "over", next: finish(known, { status: "failed", reason: "timeout", error }, now) };
  }
  if (known.stop !== undefined || end.because === "stop") {
    const error = known.stop?.reason;
    const told = {
      status: "cancelled",
      reason: "cancelled",
      ...(error === undefined ? {} : { error }),
    } as const;
    return { kind: "over", next: finish(known, told, now) };
  }
  if (end.failure !== undefined) {
    const told = { status: "failed", reason: "crashed", error: end.failure } as const;
    return { kind: "over", next: finish(known, told, now) };
  }
  if (end.exitCode === 0) return { kind: "over", next: endOfItself(known, now) };
  const crashed = countCrash(known, end.progress);
  const how = `it ${end.signal === null ? `ended with exit code ${end.exitCode}` : `was ended by ${end.signal}`}`;
  if (crashed.attempts >= MAX_ATTEMPTS) return { kind: "over", next: giveUp(crashed, how, now) };
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (crashed.attempts - 1), MAX_PAUSE_MS);
  return { kind: "again", next: { ...crashed, status: "pending" }, pauseMs };
}

/** A program that never spoke to narun is a plain one, and its exit code is its result. */
function endOfItself(known: Instance, now: number): Instance {
  if (known.hasRegistered !== true) return finish(known, { status: "completed", reason: "completed" }, now);
  const error =
    "PROGRAM_ENDED: it ended with exit code 0 and told no result (completed, failed or suspended)";
  return finish(known, { status: "failed", reason: "application_error", error }, now);
}

function countCrash(instance: Instance, progress: number): Instance {
  const attempts = progress > instance.progress ? 1 : instance.attempts + 1;
  return { ...instance, attempts, progress: Math.max(progress, instance.progress) };
}

function giveUp(instance: Instance, how: string, now: number): Instance {
  const said = instance.stderr === undefined ? "" : `\n${instance.stderr.slice(-1_000)}`;
  const error = `PROGRAM_ENDED: ${how}, ${instance.attempts} times in a row without a new checkpoint${said}`;
  return finish(instance, { status: "failed", reason: "crashed", error }, now);
}

function ranUntil({ ranMs, runSinceMs }: Instance, now: number): number {
  return ranMs + (runSinceMs === undefined ? 0 : Math.max(0, now - runSinceMs));
}
