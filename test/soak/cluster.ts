/**
 * Three of everything, of which any dies, in its long form: `npm run soak -- cluster [--faults N] [--seed N]`. Exits with 1 if a
 * request failed, or a message was lost or came out of its order.
 */
import { parseArgs } from "node:util";
import { findNatsServer } from "../../nats-server/index.ts";
import { runChaos } from "./cluster/chaos.ts";
import { wordsOf } from "./cluster/tally.ts";
import { say } from "./report.ts";

export async function soakCluster(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      faults: { type: "string", default: "40" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
    },
  });
  const [faults, seed] = [Number(values.faults), Number(values.seed)];
  if (!(faults > 0) || !Number.isInteger(seed)) {
    process.stderr.write("--faults takes a number above 0, --seed a whole number\n");
    process.exit(2);
  }
  const { NARUN_NATS_SERVER: path } = process.env;
  const named = path ? { path, by: "NARUN_NATS_SERVER" } : undefined;
  const { path: binary } = await findNatsServer({ named, env: process.env });
  say(`seed ${seed}, ${faults} faults`);
  const report = await runChaos({ binary, seed, faults, faultMs: 8_000, say });
  say(`done: ${wordsOf(report.done)}`);
  say(`longest in ms: ${wordsOf(report.longestMs)}`);
  for (const fault of report.faults) say(fault);
  say(report.faults.length === 0 ? "nothing failed, and nothing was lost" : `${report.faults.length} faults`);
  process.exitCode = report.faults.length === 0 ? 0 : 1;
}
