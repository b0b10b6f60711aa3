/** An isolate's creation, its function's start and its first requests, without NATS. This checkout is measured beside another. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Bench } from "../frame/bench.ts";
import type { Sample } from "../frame/row.ts";
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

const ROWS: readonly { name: string; unit: string; figure: (figures: Figures) => number }[] = [
  { name: "an isolate, creation", unit: "ms", figure: ({ createMs }) => createMs },
  {
    name: "an isolate, load and first request",
    unit: "ms",
    figure: ({ loadMs, firstMs }) => loadMs + firstMs,
  },
  { name: "an isolate, second request", unit: "ms", figure: ({ secondMs }) => secondMs },
  { name: "an isolate, memory after 2 requests", unit: "KiB", figure: ({ memoryKiB }) => memoryKiB },
  { name: "an isolate, memory after 51 requests", unit: "KiB", figure: ({ laterKiB }) => laterKiB },
  { name: "the snapshot of the platform", unit: "KiB", figure: ({ snapshotKiB }) => snapshotKiB },
];

export async function measureIsolateStart(bench: Bench): Promise<void> {
  bench.heading(`isolates in an engine of their own, ${bench.rounds} rounds of 30 in turns: medians`);
  const measured = new Map<string, Figures[]>(Object.keys(bench.roots).map((name) => [name, []]));
  for (let round = 0; round < bench.rounds; round++)
    for (const [name, root] of Object.entries(bench.roots)) measured.get(name)?.push(await run(root));
  for (const { name, unit, figure } of ROWS) {
    const samples = [...measured].map(([system, values]): [string, Sample[]] => [
      system,
      values.map((figures) => ({ value: figure(figures) })),
    ]);
    bench.record({ name, unit, targets: [] }, Object.fromEntries(samples));
  }
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
