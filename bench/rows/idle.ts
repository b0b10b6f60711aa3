/** A system whose functions all sleep: its memory and its CPU time. */
import { setTimeout as pause } from "node:timers/promises";
import { type Bench, NO_TARGET } from "../frame/bench.ts";
import type { Sample, Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeMany } from "../functions.ts";
import { childrenOf, isAlive, MIB, residentMemory, sum, threadsMs } from "../processes.ts";
import { residentOnce } from "../resident-once.ts";
import { startSystem } from "../system.ts";

const countOf = (size: Size) => size(100, 20);

const rows = (size: Size) => {
  const idleWith = `idle, ${countOf(size)} sleeping functions`;
  return {
    memory: {
      name: `${idleWith}: resident in all processes together`,
      unit: "MiB",
      targets: [{ atMost: 220 }],
    },
    each: { name: `${idleWith}: the sum of each one's, shared pages again`, unit: "MiB", targets: [] },
    cpu: { name: `${idleWith}: CPU time`, unit: "% of a core", targets: [{ atMost: 0.5 }] },
  };
};

export const idle: Section = { rows, measure, needs: ["Linux"] };

async function measure(bench: Bench): Promise<void> {
  const { memory, each: added, cpu } = rows(bench.size);
  const count = countOf(bench.size);
  await using functions = await writeMany(count);
  bench.heading(`narun up with ${count} sleeping functions, nothing to do`);
  await using stack = new AsyncDisposableStack();
  const processes = new Map<string, () => number[]>();
  for (const [name, root] of Object.entries(bench.roots)) {
    const { pid } = stack.use(await startSystem([functions.folder], { root }));
    processes.set(name, () => [pid, ...childrenOf(pid)]);
  }
  // The work of the start is over. V8 collects its garbage for some 30 s more, in the host last.
  await pause(bench.size(40_000, 1_000));
  const each = (measureAll: (pids: number[]) => Promise<Sample>) =>
    Object.fromEntries([...processes].map(([name, list]) => [name, () => measureAll(list())]));
  await bench.takeTurns(
    memory,
    each(async (pids) => ({ value: residentOnce(pids) / MIB })),
    bench.size(bench.rounds, 1),
  );
  if (bench.isQuick) bench.skip(added, NO_TARGET);
  else
    await bench.takeTurns(
      added,
      each(async (pids) => ({ value: sum(pids.map(residentMemory)) / MIB })),
    );
  if (bench.isQuick) bench.skip(cpu, "the work of the start is not over after so short a time");
  else await bench.takeTurns(cpu, each(cpuShare));
}

const SPAN_MS = 5_000;

async function cpuShare(pids: readonly number[]): Promise<Sample> {
  const before = new Map(pids.map((pid) => [pid, threadsMs(pid)]));
  const startedAt = performance.now();
  await pause(SPAN_MS);
  // A process that has ended in the meantime counts no further time.
  const usedMs = [...before]
    .filter(([pid]) => isAlive(pid))
    .map(([pid, usedBefore]) => threadsMs(pid) - usedBefore);
  return { value: (sum(usedMs) / (performance.now() - startedAt)) * 100 };
}
