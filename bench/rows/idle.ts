/** A system whose functions all sleep: its memory and its CPU time. */
import { setTimeout as pause } from "node:timers/promises";
import type { Bench } from "../frame/bench.ts";
import type { Row, Sample } from "../frame/row.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { childrenOf, cpuMs, isAlive, MIB, residentMemory } from "../processes.ts";
import { startSystem } from "../system.ts";

const ROWS = {
  memory: { name: "idle, resident in all processes", unit: "MiB", targets: [{ atMost: 220 }] },
  cpu: { name: "idle, CPU time", unit: "% of a core", targets: [{ atMost: 0.5 }] },
} satisfies Record<string, Row>;

export async function measureIdle(bench: Bench): Promise<void> {
  const count = bench.size(100, 20);
  const names = Array.from({ length: count }, (_, index) => `idle${index}`);
  await using functions = await writeFunctions(
    names.map((name) => ({ name, code: HELLO, config: "scale: { idleSeconds: 0.1 }\n" })),
  );
  bench.heading(`narun up with ${count} sleeping functions, nothing to do`);
  await using stack = new AsyncDisposableStack();
  const processes = new Map<string, () => number[]>();
  for (const [name, root] of Object.entries(bench.roots)) {
    const { pid } = stack.use(await startSystem([functions.folder], root));
    processes.set(name, () => [pid, ...childrenOf(pid)]);
  }
  // The work of the start is over.
  await pause(bench.size(30_000, 2_000));
  const each = (measure: (pids: number[]) => Promise<Sample>) =>
    Object.fromEntries([...processes].map(([name, list]) => [name, () => measure(list())]));
  const spanMs = bench.size(10_000, 1_000);
  await bench.takeTurns(
    ROWS.memory,
    each(async (pids) => ({ value: sum(pids.map(residentMemory)) / MIB })),
  );
  await bench.takeTurns(
    ROWS.cpu,
    each((pids) => cpuShare(pids, spanMs)),
  );
}

async function cpuShare(pids: readonly number[], spanMs: number): Promise<Sample> {
  const before = new Map(pids.map((pid) => [pid, cpuMs(pid)]));
  const startedAt = performance.now();
  await pause(spanMs);
  // A process that has ended in the meantime counts no further time.
  const usedMs = [...before]
    .filter(([pid]) => isAlive(pid))
    .map(([pid, usedBefore]) => cpuMs(pid) - usedBefore);
  return { value: (sum(usedMs) / (performance.now() - startedAt)) * 100 };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
