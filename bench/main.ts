/**
 * Figures of one run on one machine, each beside a measure of its own: `npm run bench -- [--quick] [--beside FOLDER]
 * [section...]`. Compared systems take turns. Quote ratios and medians. Many nodes are not measured here.
 *
 * `--beside` names another checkout of narun (a git worktree with its `node_modules`), which takes its turn.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { measureFanOut } from "./fan-out.ts";
import { heading, print } from "./figures.ts";
import { measureIsolateStart } from "./isolate-start.ts";
import { measureMemory } from "./memory.ts";
import { measureColdStarts, measureWarm, type RequestOptions } from "./requests.ts";
import { measureTransfers } from "./transfer.ts";

const sections: Record<string, (options: RequestOptions) => Promise<void>> = {
  cold: measureColdStarts,
  warm: measureWarm,
  isolates: measureIsolateStart,
  memory: measureMemory,
  "fan-out": measureFanOut,
  transfer: measureTransfers,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, beside: { type: "string" } },
});
const unknown = positionals.filter((name) => !(name in sections));
if (unknown.length > 0) {
  process.stderr.write(`no section ${unknown.join(", ")}; there are ${Object.keys(sections).join(", ")}\n`);
  process.exit(2);
}

const options = {
  isQuick: values.quick,
  beside: values.beside === undefined ? undefined : resolve(values.beside),
};
/** Sections that read the memory of processes, which only Linux provides. */
const LINUX_ONLY = new Set(["isolates", "memory", "fan-out", "transfer"]);
for (const [name, measure] of Object.entries(sections)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  if (LINUX_ONLY.has(name) && process.platform !== "linux") {
    heading(name);
    print("skipped", "it reads /proc, which is Linux's");
  } else await measure(options);
}
