/**
 * Rows of figures of one run on one machine, each beside its peers, with a verdict on its targets:
 * `npm run bench -- [--quick] [--json] [--beside FOLDER] [section...]`. Exit code 1: a row missed its target.
 *
 * `--beside` names another checkout of narun (a git worktree with its `node_modules`), which takes its turn.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { inUnit } from "./figures.ts";
import { Bench } from "./frame/bench.ts";
import { hasMissed } from "./frame/row.ts";
import { formatTable } from "./frame/table.ts";
import { measureApp } from "./rows/app.ts";
import { measureBurst } from "./rows/burst.ts";
import { measureColdStarts } from "./rows/cold.ts";
import { measureCrowd } from "./rows/crowd.ts";
import { measureFanOut } from "./rows/fan-out.ts";
import { measureIdle } from "./rows/idle.ts";
import { measureIsolateStart } from "./rows/isolate-start.ts";
import { measureMemory } from "./rows/memory.ts";
import { measureTransfers } from "./rows/transfer.ts";
import { measureWarm } from "./rows/warm.ts";
import { measureWebSockets } from "./rows/websocket.ts";

const SECTIONS: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  cold: measureColdStarts,
  crowd: measureCrowd,
  burst: measureBurst,
  warm: measureWarm,
  app: measureApp,
  websocket: measureWebSockets,
  "fan-out": measureFanOut,
  transfer: measureTransfers,
  idle: measureIdle,
  isolates: measureIsolateStart,
  memory: measureMemory,
};

/** Sections that read the memory of processes, which only Linux provides. */
const LINUX_ONLY = new Set(["crowd", "fan-out", "transfer", "idle", "isolates", "memory"]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    beside: { type: "string" },
  },
});
const unknown = positionals.filter((name) => !(name in SECTIONS));
if (unknown.length > 0) {
  process.stderr.write(`no section ${unknown.join(", ")}; there are ${Object.keys(SECTIONS).join(", ")}\n`);
  process.exit(2);
}

const bench = new Bench({
  isQuick: values.quick,
  beside: values.beside === undefined ? undefined : resolve(values.beside),
  // The JSON is all that stdout gets.
  out: values.json ? process.stderr : process.stdout,
});
for (const [name, measure] of Object.entries(SECTIONS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  if (LINUX_ONLY.has(name) && process.platform !== "linux") {
    bench.skip({ name, unit: "", targets: [] }, "it reads /proc, which is Linux's");
    continue;
  }
  const startedAt = performance.now();
  await measure(bench).catch((error: unknown) => bench.fail(name, error));
  bench.print(`section ${name}, all of it`, inUnit((performance.now() - startedAt) / 1_000, "s"));
}
process.stdout.write(
  values.json ? `${JSON.stringify(bench.results, undefined, 2)}\n` : `\n${formatTable(bench.results)}`,
);
process.exitCode = hasMissed(bench.results) ? 1 : 0;
