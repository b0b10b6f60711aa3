import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** Linux counts the CPU time of a process in ticks, 100 a second on every architecture that Node runs on. */
const TICK_MS = 10;

/** The private memory of a process in bytes, without pages that it shares with others. Linux only. */
export function ownMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const privatePages = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)];
  return privatePages.reduce((sum, [, size]) => sum + Number(size) * KIB, 0);
}

/** The resident memory of a process in bytes, with shared pages. */
export function residentMemory(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * KIB;
}

/** The resident memory of a process in bytes, where each shared page counts its part for each process that has it. */
export function sharedOutMemory(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]) * KIB;
}

/** The peak of a process's resident memory in bytes. */
export function peakMemory(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * KIB;
}

/** The CPU time of a process since its start, in milliseconds, with the time that the kernel worked for it. */
export function cpuMs(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** The CPU time of this process's children that have ended, in milliseconds. Zero outside of Linux. */
export function childrenCpuMs(): number {
  if (process.platform !== "linux") return 0;
  const fields = statOf("self");
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

/** The fields after the program's name. They begin with the state; the time of the process has the indexes 11 and 12. */
function statOf(pid: number | "self"): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name is in parentheses and may have spaces.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** The processes of a `narun up`, by role. */
export function processesOf(up: number): Map<string, number[]> {
  return Map.groupBy([up, ...childrenOf(up)], (pid) => roleOf(pid, up));
}

/** The CPU time of each role of a `narun up`, in milliseconds. */
export function cpuByRole(up: number): Map<string, number> {
  return new Map([...processesOf(up)].map(([role, pids]) => [role, sum(pids.map(cpuMs))]));
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** The role of a process in the `narun up` whose own process is `up`, which has the gateway, or the name of its program. */
export function roleOf(pid: number, up: number): string {
  if (pid === up) return "gateway";
  const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  // The program from npm has its platform in its name.
  if (basename(program).startsWith("nats-server")) return "nats-server";
  if (program !== process.execPath) return basename(program);
  return args.includes("--permission") ? "host" : "node-runner";
}

/** The process of the node-runner of a `narun up`, which may be the process of the command itself. */
export function runnerOf(up: number): number {
  return childrenOf(up).find((pid) => roleOf(pid, up) === "node-runner") ?? up;
}

/**
 * The isolate host of a `narun up` with one trust group: the process that runs under Node's permission model. A sandbox
 * program around it has the same arguments.
 */
export function hostOf(pid: number): number {
  const found = childrenOf(pid).find((child) => roleOf(child, pid) === "host");
  if (found === undefined) throw new Error(`process ${pid} has no isolate host`);
  return found;
}

/** The children of a process, each followed by its own children. */
export function childrenOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return children.flatMap((child) => [child, ...childrenOf(child)]);
}

/** Samples the memory of processes. `stop` returns the peak of each, in bytes. */
export function watchMemory<Name extends string>(
  pids: Readonly<Record<Name, number>>,
): { stop(): Record<Name, number> } {
  const entries = Object.entries<number>(pids);
  const highest: Record<string, number> = {};
  const look = () => {
    for (const [name, pid] of entries) highest[name] = Math.max(highest[name] ?? 0, residentMemory(pid));
  };
  look();
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      look();
      return highest as Record<Name, number>;
    },
  };
}
