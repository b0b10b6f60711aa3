import { readdirSync, readFileSync } from "node:fs";

const KIB = 1024;

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

/** The peak of a process's resident memory in bytes. */
export function peakMemory(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * KIB;
}

/**
 * The isolate host of a `narun up` with one trust group: the process that runs under Node's permission model. A sandbox
 * program around it has the same arguments.
 */
export function hostOf(pid: number): number {
  const found = childrenOf(pid).find((child) => {
    const [program, ...args] = readFileSync(`/proc/${child}/cmdline`, "utf8").split("\0");
    return program === process.execPath && args.includes("--permission");
  });
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
export function watchMemory(pids: Readonly<Record<string, number>>): { stop(): Record<string, number> } {
  const highest: Record<string, number> = {};
  const look = () => {
    for (const [name, pid] of Object.entries(pids))
      highest[name] = Math.max(highest[name] ?? 0, residentMemory(pid));
  };
  look();
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      look();
      return highest;
    },
  };
}
