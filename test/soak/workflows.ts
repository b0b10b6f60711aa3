/**
 * The kill matrix in its long form: `npm run soak -- workflows [--workflows N] [--kills N] [--at-once N] [--seed N]
 * [--servers 1|3]`. Exits with 1 if a workflow ended wrong, or not at all, or a process did not come back.
 */
import { parseArgs } from "node:util";
import { findNatsServer } from "../../nats-server/index.ts";
import { CELL_COUNT } from "./kill-matrix/kills.ts";
import { runMatrix } from "./kill-matrix/matrix.ts";
import { say } from "./report.ts";

/** How often each kind of kill comes by default. */
const ROUNDS = 4;

export async function soakWorkflows(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      workflows: { type: "string", default: "1000" },
      kills: { type: "string", default: String(ROUNDS * CELL_COUNT) },
      "at-once": { type: "string", default: "24" },
      servers: { type: "string", default: "1" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
    },
  });
  const seed = Number(values.seed);
  const [workflows = 0, mostKills = 0, atOnce = 0] = [values.workflows, values.kills, values["at-once"]].map(
    Number,
  );
  if (!(workflows > 0 && mostKills > 0 && atOnce > 0) || !Number.isInteger(seed)) {
    process.stderr.write("--workflows, --kills and --at-once take numbers above 0, --seed a whole number\n");
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
  say(`seed ${seed}, ${workflows} workflows, ${mostKills} kills, ${servers} servers`);
  const report = await runMatrix({
    ...{ binary, servers, seed, workflows, say },
    ...{ kills: mostKills, atOnce, patienceMs: 5_000, pauseMs: 1_500, mostMs: 600_000 },
  });
  const { faults, kills, effects, repeated, mostAwayMs } = report;
  const cells = new Set(kills.map(({ victim, moment, kind }) => `${victim} ${moment} ${kind}`)).size;
  const inTime = kills.filter(({ isInTime }) => isInTime).length;
  say(`${kills.length} kills, ${inTime} of them at their moment, of ${cells} of ${CELL_COUNT} kinds`);
  say(`a process that was killed was away for ${Math.round(mostAwayMs)} ms at most`);
  say(`${effects} effects, ${repeated} asked for again`);
  for (const fault of faults) say(fault);
  say(faults.length === 0 ? "every workflow ended right" : `${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
