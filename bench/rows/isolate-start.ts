/** An isolate's creation, its function's start and its first requests, without NATS. This checkout is measured beside another. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Bench, samplesOf } from "../frame/bench.ts";
import type { Row } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { end, firstLine } from "../system.ts";

/**
 * The figures that the child prints: medians in milliseconds. The snapshot, and the memory of one isolate after 2 and after 51
 * requests, are in KiB.
 */
interface Figures {
  snapshotKiB: number;
  memoryKiB: number;
  laterKiB: number;
  createMs: number;
  loadMs: number;
  firstMs: number;
  secondMs: number;
}

const rows = () => ({
  create: { name: "an isolate, creation", unit: "ms", targets: [] },
  first: { name: "an isolate, load and first request", unit: "ms", targets: [] },
  second: { name: "an isolate, second request", unit: "ms", targets: [] },
  memory: { name: "an isolate, memory after 2 requests", unit: "KiB", targets: [] },
  later: { name: "an isolate, memory after 51 requests", unit: "KiB", targets: [] },
  snapshot: { name: "the snapshot of the platform", unit: "KiB", targets: [] },
});

export const isolates: Section = { rows, measure, needs: ["Linux"], isUnguarded: true };

async function measure(bench: Bench): Promise<void> {
  bench.heading(`isolates in an engine of their own, ${bench.rounds} rounds of 30 in turns: medians`);
  const turns = await bench.inTurns(
    Object.fromEntries(Object.entries(bench.roots).map(([name, root]) => [name, () => run(root)])),
  );
  const record = (row: Row, figure: (figures: Figures) => number) =>
    bench.record(
      row,
      samplesOf(turns, (figures) => ({ value: figure(figures) })),
    );
  const { create, first, second, memory, later, snapshot } = rows();
  record(create, ({ createMs }) => createMs);
  record(first, ({ loadMs, firstMs }) => loadMs + firstMs);
  record(second, ({ secondMs }) => secondMs);
  record(memory, ({ memoryKiB }) => memoryKiB);
  record(later, ({ laterKiB }) => laterKiB);
  record(snapshot, ({ snapshotKiB }) => snapshotKiB);
}

const FLAGS = ["--no-node-snapshot", "--no-turboshaft-loop-unrolling", "--expose-gc"];

async function run(root: string): Promise<Figures> {
  const child = spawn(
    process.execPath,
    [...FLAGS, fileURLToPath(new URL("./isolate-start-child.ts", import.meta.url)), root],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    return JSON.parse(await firstLine(child)) as Figures;
  } finally {
    await end(child);
  }
}
