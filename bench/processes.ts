import { readdirSync, readFileSync } from "node:fs";

const KIB = 1024;

/** What a process holds in memory of its own, in bytes: pages that it shares with others are not counted. Linux only. */
export function ownMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const privatePages = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)];
  return privatePages.reduce((sum, [, size]) => sum + Number(size) * KIB, 0);
}

/** What a process has resident, shared pages included, in bytes. */
export function residentMemory(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * KIB;
}

/** The most that a process has had resident since it began, in bytes. */
export function peakMemory(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * KIB;
}

/**
 * The isolate host that a `narun up` started, where it has one trust group: the process that runs under Node's permission
 * model. The sandbox program that may be around it has the same arguments.
 */
export function hostOf(pid: number): number {
  const found = childrenOf(pid).find((child) => {
    const [program, ...args] = readFileSync(`/proc/${child}/cmdline`, "utf8").split("\0");
    return program === process.execPath && args.includes("--permission");
  });
  if (found === undefined) throw new Error(`process ${pid} has no isolate host`);
  return found;
}

/** Children, each with its own after it. */
export function childrenOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return children.flatMap((child) => [child, ...childrenOf(child)]);
}

/** Looks at processes again and again; `stop` says the most that each held resident, in bytes. */
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
