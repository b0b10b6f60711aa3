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
import type { Need, Section } from "./frame/section.ts";
import { formatTable } from "./frame/table.ts";
import { hasWrk, WRK_ABSENT } from "./load.ts";
import { rowsOf, SECTIONS } from "./sections.ts";

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

/** Why a need is not met. */
const unmet = new Map<Need, string>();
if (process.platform !== "linux") unmet.set("Linux", "it reads /proc, which is Linux's");
if (!hasWrk()) unmet.set("wrk", WRK_ABSENT);

const bench = new Bench({
  isQuick: values.quick,
  beside: values.beside === undefined ? undefined : resolve(values.beside),
  // The JSON is all that stdout gets.
  out: values.json ? process.stderr : process.stdout,
});
const startedAt = performance.now();
for (const [name, section] of Object.entries(SECTIONS)) if (isChosen(name, section)) await run(name, section);
await bench.atEnd.disposeAsync();
bench.print("the whole run", secondsSince(startedAt));
process.stdout.write(
  values.json ? `${JSON.stringify(bench.results, undefined, 2)}\n` : `\n${formatTable(bench.results)}`,
);
process.exitCode = hasMissed(bench.results) ? 1 : 0;

function isChosen(name: string, { isUnguarded = false }: Section): boolean {
  return positionals.length > 0 ? positionals.includes(name) : !(bench.isQuick && isUnguarded);
}

async function run(name: string, section: Section): Promise<void> {
  const [why] = section.needs.map((need) => unmet.get(need)).filter((reason) => reason !== undefined);
  if (why !== undefined) {
    for (const row of rowsOf(section, bench.size)) bench.skip(row, why);
    return;
  }
  const sectionStartedAt = performance.now();
  await bench.section(name, section.measure);
  bench.print(`section ${name}, all of it`, secondsSince(sectionStartedAt));
}

function secondsSince(sinceMs: number): string {
  return inUnit((performance.now() - sinceMs) / 1_000, "s");
}
