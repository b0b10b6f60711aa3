/**
 * The processes of a program, by their marks: children that left its group, and leftovers of a node-runner
 * that was killed, are found, too. Linux only; elsewhere the group is all that is known.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isRunning, sendSignal } from "../../../machine/index.ts";
import { isMarkOf, limitOf } from "./process-mark.ts";

/** The processes of one start of a program, or of all programs of a runner by their folder. */
export type Mark = { runId: string; mark: bigint } | { folder: string };

/** The pids of the processes that have a mark, in their environment or by the kernel (process-mark.ts). */
export function findMarked(mark: Mark): number[] {
  return listPids().filter((pid) => {
    const limit = limitOf(pid, "Max file locks");
    if (limit !== undefined && isMark(mark, limit)) return true;
    return environmentOf(pid).some((entry) =>
      "runId" in mark
        ? entry === `NARUN_RUN_ID=${mark.runId}`
        : entry.startsWith(`NARUN_INSTANCE_ROOT=${mark.folder}/`),
    );
  });
}

function isMark(mark: Mark, limit: bigint): boolean {
  return "runId" in mark ? limit === mark.mark : isMarkOf(mark.folder, limit);
}

/**
 * Kills all processes with a mark, and processes that still work in the folder of the program, or of programs. A process that forks
 * meanwhile is caught in the next round.
 */
export function killMarked(mark: Mark, folder: string): void {
  for (let round = 0; round < MAX_ROUNDS; round++) if (!killRound(mark, folder)) return;
}

/** Does the same, and resolves when none of them runs: a busy machine takes a while to end what it was told to end. */
export async function endMarked(mark: Mark, folder: string): Promise<void> {
  const deadline = performance.now() + END_MS;
  while (killRound(mark, folder) && performance.now() < deadline) await sleep(POLL_MS);
}

const MAX_ROUNDS = 50;
const END_MS = 5_000;
const POLL_MS = 10;

/** Whether one was there. A process that has ended, and that its parent has not collected yet, keeps its mark. */
function killRound(mark: Mark, folder: string): boolean {
  const found = new Set([...findMarked(mark), ...findWorkingIn(folder)]);
  const running = [...found].filter((pid) => pid !== process.pid && isRunning({ pid, startTime: null }));
  for (const pid of running) trySignal(pid);
  return running.length > 0;
}

/** A process with a terminal is a person who looks around in the folder. */
function findWorkingIn(folder: string): number[] {
  return listPids().filter((pid) => `${workingFolderOf(pid)}/`.startsWith(`${folder}/`) && !hasTerminal(pid));
}

function workingFolderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

/** proc_pid_stat(5): field 7, where field 2 is in parentheses and may contain anything. */
function hasTerminal(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[4] !== "0";
  } catch {
    return true;
  }
}

function trySignal(pid: number): void {
  try {
    sendSignal(pid, "SIGKILL");
  } catch {
    // It belongs to another user.
  }
}

function listPids(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** A process that has ended, and waits for its parent, has no environment. */
function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}
