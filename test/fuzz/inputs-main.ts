/**
 * Malformed input in its long form: `npm run fuzz:inputs -- [COUNT] [--seed N]`. Each property of inputs.test.ts gets so many
 * inputs. A failure prints its seed, and the least input that fails.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" } },
});
const count = Number(positionals[0] ?? 100_000);
const seed = values.seed === undefined ? undefined : Number(values.seed);
if (!Number.isInteger(count) || count < 1 || (seed !== undefined && !Number.isInteger(seed))) {
  process.stderr.write("COUNT takes a whole number above 0, --seed a whole number\n");
  process.exit(2);
}
const root = join(import.meta.dirname, "..", "..");
/** A day: as long as anybody waits. */
const LIMIT_MS = 86_400_000;
const { status } = spawnSync(
  process.execPath,
  [
    join(root, "node_modules/vitest/vitest.mjs"),
    ...["run", "test/fuzz/inputs.test.ts", `--testTimeout=${LIMIT_MS}`],
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      NARUN_FUZZ_RUNS: String(count),
      ...(seed === undefined ? {} : { NARUN_FUZZ_SEED: String(seed) }),
    },
  },
);
process.exitCode = status ?? 1;
