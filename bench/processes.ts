import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** Linux counts the CPU time of a process in ticks, 100 a second on every architecture that Node runs on. */
const TICK_MS = 10;

/** The private memory of a process in bytes, without pages that it shares with others. Linux only. */
export function ownMemory(pid: number): number {
  const rollup = readProc(pid, "smaps_rollup");
  const privatePages = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)];
  return privatePages.reduce((sum, [, size]) => sum + Number(size) * KIB, 0);
}

/** The resident memory of a process in bytes, with shared pages. */
export function residentMemory(pid: number): number {
  return sizeIn(readProc(pid, "status"), "VmRSS");
}

/** The peak of a process's resident memory in bytes. */
export function peakMemory(pid: number): number {
  return sizeIn(readProc(pid, "status"), "VmHWM");
}

/** The CPU time of a process since its start, in milliseconds, with the time that the kernel worked for it. */
export function cpuMs(pid: number): number {
  const [user = 0, system = 0] = statOf(pid).slice(OWN_AT);
  return (Number(user) + Number(system)) * TICK_MS;
}

/** The CPU time of the threads of a process that run, in milliseconds: to the nanosecond, but without threads that have ended. */
export function threadsMs(pid: number): number {
  const ofThread = (thread: string) => Number(readProc(pid, `task/${thread}/schedstat`).split(" ")[0]);
  return sum(threadsOf(pid).map(ofThread)) / NS_PER_MS;
}

const NS_PER_MS = 1_000_000;

/** The CPU time of this process's children that have ended, in milliseconds. Zero outside of Linux. */
export function childrenCpuMs(): number {
  if (process.platform !== "linux") return 0;
  const [user = 0, system = 0] = statOf("self").slice(CHILDREN_AT);
  return (Number(user) + Number(system)) * TICK_MS;
}

/** The places of the user time, with the system time after it: of the process, and of its children that have ended. */
const OWN_AT = 11;
const CHILDREN_AT = 13;

/** The fields after the program's name. They begin with the state. */
function statOf(pid: number | "self"): string[] {
  const stat = readProc(pid, "stat");
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
  const [program = "", ...args] = readProc(pid, "cmdline").split("\0");
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
  const children = threadsOf(pid).flatMap((thread) =>
    readProc(pid, `task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
  return children.flatMap((child) => [child, ...childrenOf(child)]);
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    return unlessGone(error, []);
  }
}

/** A file of a process, or an empty text if the process has ended: all its figures are zero. */
function readProc(pid: number | "self", file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    return unlessGone(error, "");
  }
}

export function unlessGone<T>(error: unknown, none: T): T {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ESRCH") return none;
  throw error;
}

/** The size in bytes that a line of a status file has, like `VmRSS: 100 kB`. */
function sizeIn(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * KIB;
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
