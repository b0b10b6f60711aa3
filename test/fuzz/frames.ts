/**
 * The fuzz of frames in its long form: `npm run fuzz:frames -- [COUNT] [--seed N]`. So many hosts lie to the connections of a
 * gateway, and a tenth as many to a whole gateway. The seed is printed. The same seed makes the same lies. It exits with 1 at a
 * broken rule, and where its memory grows.
 */
import { parseArgs } from "node:util";
import { findNatsServer } from "../../nats-server/index.ts";
import { say } from "../soak/report.ts";
import { playFrames } from "./frame-run.ts";
import { playHosts } from "./gateway-run.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: String(Date.now() % 1_000_000) } },
});
const count = Number(positionals[0] ?? 200_000);
const seed = Number(values.seed);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  process.stderr.write("COUNT takes a whole number above 0, --seed a whole number\n");
  process.exit(2);
}

/** Upper bound of the memory of this process. A host that says large lengths, and sends little, costs no more. */
const MAX_MEMORY_BYTES = 600 * 1024 * 1024;

let mostBytes = 0;
const watch = (what: string, steps: number) => (id: number) => {
  if (id % 100 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
  if (id % steps === 0) say(`${what} ${id}, ${Math.round(mostBytes / 1024 / 1024)} MiB at most`);
};

say(`seed ${seed}, ${count} lying hosts`);
try {
  await playFrames({ seed, to: count, onPlayed: watch("host", 20_000) });
  const { NARUN_NATS_SERVER: path } = process.env;
  const named = path === undefined ? undefined : { path, by: "NARUN_NATS_SERVER" };
  const { path: natsServer } = await findNatsServer({ named, env: process.env });
  await playHosts({
    seed,
    to: Math.ceil(count / 10),
    natsServer,
    onPlayed: watch("host of a gateway", 2_000),
  });
  if (mostBytes > MAX_MEMORY_BYTES) throw new Error(`the process took ${mostBytes} bytes`);
  say("all rules were kept");
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
// A run that failed leaves hosts and connections behind.
process.exit();
