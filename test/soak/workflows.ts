/**
 * The kill matrix in its long form: `npm run soak -- workflows [--workflows N] [--seed N] [--servers 1|3]`. Exits with 1 if a
 * workflow ended wrong, or not at all.
 */
import { parseArgs } from "node:util";
import { findNatsServer } from "../../nats-server/index.ts";
import { CELL_COUNT } from "./kill-matrix/kills.ts";
import { runMatrix } from "./kill-matrix/matrix.ts";
import { say } from "./report.ts";

export async function soakWorkflows(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      workflows: { type: "string", default: "1000" },
      "at-once": { type: "string", default: "12" },
      servers: { type: "string", default: "1" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
    },
  });
  const seed = Number(values.seed);
  const workflows = Number(values.workflows);
  if (!(workflows > 0) || !Number.isInteger(seed)) {
    process.stderr.write("--workflows takes a number above 0, --seed a whole number\n");
    process.exit(2);
  }
  const servers = values.servers === "1" ? 1 : values.servers === "3" ? 3 : undefined;
  if (servers === undefined) {
    process.stderr.write("--servers takes 1 or 3\n");
    process.exit(2);
  }
  const { NARUN_NATS_SERVER: path } = process.env;
  const named = path ? { path, by: "NARUN_NATS_SERVER" } : undefined;
  const { path: binary } = await findNatsServer({ named, env: process.env });
  say(`seed ${seed}, ${workflows} workflows, ${servers} servers, ${CELL_COUNT} kinds of kills`);
  const report = await runMatrix({
    ...{ binary, servers, seed, workflows, say },
    ...{ atOnce: Number(values["at-once"]), patienceMs: 2_000, pauseMs: 1_500, mostMs: 600_000 },
  });
  const { faults, kills, effects, repeated } = report;
  const cells = new Set(kills.map((kill) => JSON.stringify(kill))).size;
  say(`${kills.length} kills of ${cells} kinds, ${effects} effects, ${repeated} asked for again`);
  for (const fault of faults) say(fault);
  say(faults.length === 0 ? "every workflow ended right" : `${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
