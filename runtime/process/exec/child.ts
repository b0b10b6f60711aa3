/**
 * A program's processes: a leader in a group of its own, and all that it starts.
 *
 * I1  `ended` resolves once, when the leader has ended and the rest of its processes was killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { sendSignal } from "../../../machine/index.ts";
import { killCgroup } from "./cgroup.ts";
import { killMarked, type Mark } from "./processes-of.ts";

export interface ChildOptions {
  /** The command line: a launcher's, and the program's behind it. */
  command: readonly string[];
  /** The folder of the program alone. */
  cwd: string;
  env: Record<string, string>;
  mark: Mark;
  /** The cgroup of its processes. */
  cgroup?: string | undefined;
}

export interface ChildEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<ChildEnd>;
  /** SIGTERM to the group, and SIGKILL to all that is left after the grace. */
  stop(graceMs: number): Promise<ChildEnd>;
}

/** Starts a program. Rejects with the system's error where it cannot. */
export async function startChild({ command, cwd, env, mark, cgroup }: ChildOptions): Promise<Child> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  const { pid } = child;
  if (pid === undefined) throw new Error("a process that runs has a pid");
  let hasEnded = false;
  const killAll = () => {
    signalGroup(pid, "SIGKILL");
    if (cgroup !== undefined) killCgroup(cgroup);
    killMarked(mark, cwd);
  };
  const ended = endOf(child).then((end) => {
    hasEnded = true;
    killAll();
    return end;
  });
  return {
    pid,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    async stop(graceMs) {
      // Another program may have the number by now.
      if (hasEnded) return ended;
      signalGroup(pid, "SIGTERM");
      const timer = setTimeout(killAll, graceMs);
      return ended.finally(() => clearTimeout(timer));
    },
  };
}

function endOf(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => child.once("exit", (exitCode, signal) => resolve({ exitCode, signal })));
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    sendSignal(-pid, signal);
  } catch {
    // The group is another user's by now, or has ended.
  }
}
