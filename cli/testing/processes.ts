import { spawnSync } from "node:child_process";
import { identifyProcess, isRunning, type ProcessIdentity } from "../../machine/index.ts";
import { eventually } from "../../test/harness/eventually.ts";

/** The running descendants of a process. */
export function descendantsOf(pid: number): ProcessIdentity[] {
  const all = processes();
  const found = [pid];
  for (const parent of found) {
    for (const one of all) if (one.parent === parent) found.push(one.pid);
  }
  return found.slice(1).map(identifyProcess).filter(isRunning);
}

/** The processes whose command line has a text. */
export function processesWith(text: string): ProcessIdentity[] {
  return processes()
    .filter(({ pid, command }) => pid !== process.pid && command.includes(text))
    .map(({ pid }) => identifyProcess(pid))
    .filter(isRunning);
}

/** Resolves when all of the processes have ended. */
export async function allEnded(identities: readonly ProcessIdentity[], timeoutMs = 10_000): Promise<void> {
  await eventually(
    () => {
      const left = identities.filter(isRunning);
      if (left.length > 0) throw new Error(`still running: ${left.map(({ pid }) => pid).join(", ")}`);
    },
    { timeoutMs },
  );
}

/** Kills the processes that still run. */
export async function endAll(identities: readonly ProcessIdentity[]): Promise<void> {
  for (const identity of identities) {
    if (isRunning(identity)) process.kill(identity.pid, "SIGKILL");
  }
  await allEnded(identities);
}

function processes(): { pid: number; parent: number; command: string }[] {
  const { stdout } = spawnSync("ps", ["-A", "-ww", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}
