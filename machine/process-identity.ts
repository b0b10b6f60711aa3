import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { errnoOf } from "./errno.ts";
import { sendSignal } from "./send-signal.ts";

/** One process, also after its pid was given to another one. */
export const ProcessIdentitySchema = z.object({
  pid: z.int().positive(),
  /** Its start time in the system's own form; null where the system does not tell it. */
  startTime: z.string().nullable(),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentitySchema>;

/** The identity of a process that runs. */
export function identifyProcess(pid: number): ProcessIdentity {
  return { pid, startTime: lookUp(pid)?.startTime ?? null };
}

/**
 * Whether exactly this process still runs. A process that ended, and that its parent has not collected yet, does not.
 */
export function isRunning({ pid, startTime }: ProcessIdentity): boolean {
  if (!hasProcess(pid)) return false;
  const found = lookUp(pid);
  if (found === undefined) return false;
  return !found.isZombie && (startTime === null || found.startTime === null || found.startTime === startTime);
}

/**
 * Ends exactly this process and no other that has its pid by now: SIGTERM, and SIGKILL after `graceMs`. Resolves when
 * it is gone. Does nothing without its start time: the process could be another one.
 */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  if (identity.startTime === null) return;
  const deadline = performance.now() + graceMs;
  let signal: NodeJS.Signals | undefined = "SIGTERM";
  while (isRunning(identity)) {
    if (signal !== undefined) sendSignal(identity.pid, signal);
    signal = performance.now() >= deadline ? "SIGKILL" : undefined;
    await sleep(POLL_MS);
  }
}

/** Another parent's child does not report its end: it has to be polled. */
const POLL_MS = 10;

interface Looked {
  startTime: string | null;
  isZombie: boolean;
}

/** The system's facts about a process; undefined where there is none. */
function lookUp(pid: number): Looked | undefined {
  if (process.platform === "linux") return lookUpInProc(pid);
  if (process.platform === "win32") return { startTime: null, isZombie: false };
  const ps = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  const [, state, startTime] = /^(\S+)\s+(.+?)\s*$/.exec(ps.stdout) ?? [];
  if (state === undefined || startTime === undefined) return undefined;
  return { startTime, isZombie: state.startsWith("Z") };
}

/** proc_pid_stat(5): the second field, the name, is in parentheses and may contain anything. */
function lookUpInProc(pid: number): Looked | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Fields 3 (state) and 22 (start time, in clock ticks since the boot).
    return { startTime: fields[19] ?? null, isZombie: fields[0] === "Z" || fields[0] === "X" };
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ESRCH") return undefined;
    throw error;
  }
}

function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process exists, and belongs to another user.
    return errnoOf(error) === "EPERM";
  }
}
