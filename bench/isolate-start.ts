/** An isolate's creation, its function's start and its first requests, without NATS. This checkout is measured beside another. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { heading, print } from "./figures.ts";
import { end, firstLine, HERE } from "./system.ts";

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

export async function measureIsolateStart(options: {
  isQuick: boolean;
  beside: string | undefined;
}): Promise<void> {
  const rounds = options.isQuick ? 1 : 5;
  heading(`isolates in an engine of their own, ${rounds} rounds of 30 in turns: medians`);
  const roots = {
    "this checkout": HERE,
    ...(options.beside === undefined ? {} : { beside: options.beside }),
  };
  for (let round = 0; round < rounds; round++)
    for (const [name, root] of Object.entries(roots)) print(name, describe(await run(root)));
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

function describe({
  snapshotKiB,
  memoryKiB,
  laterKiB,
  createMs,
  loadMs,
  firstMs,
  secondMs,
}: Figures): string {
  const cold = loadMs + firstMs;
  return `create ${createMs.toFixed(2)}, load ${loadMs.toFixed(2)} + first ${firstMs.toFixed(2)} = ${cold.toFixed(2)}, second ${secondMs.toFixed(2)} ms; ${memoryKiB} KiB each, after 51 requests ${laterKiB}; snapshot ${snapshotKiB} KiB`;
}
