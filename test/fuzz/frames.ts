/**
 * The fuzz of frames in its long form: `npm run fuzz:frames -- [COUNT] [--seed N]`. The seed is printed. The same seed makes the
 * same lying hosts. It exits with 1 at a broken rule, and where its memory grows.
 */
import { parseArgs } from "node:util";
import { say } from "../soak/report.ts";
import { playFrames } from "./frame-run.ts";

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

say(`seed ${seed}, ${count} lying hosts`);
let mostBytes = 0;
try {
  await playFrames({
    seed,
    to: count,
    onPlayed(id) {
      if (id % 1_000 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
      if (id % 20_000 === 0) say(`host ${id}, ${Math.round(mostBytes / 1024 / 1024)} MiB at most`);
    },
  });
  if (mostBytes > MAX_MEMORY_BYTES) throw new Error(`the process took ${mostBytes} bytes`);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
