/**
 * The fuzz of HTTP connections in its long form: `npm run fuzz:http -- [COUNT] [--seed N]`. The seed is printed; the same one
 * makes the same connections.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: String(Date.now() % 1_000_000) } },
});
const count = Number(positionals[0] ?? 50_000);
const seed = Number(values.seed);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  process.stderr.write("COUNT takes a whole number above 0, --seed a whole number\n");
  process.exit(2);
}

const test = join(import.meta.dirname, "http.test.ts");
const { status } = spawnSync("npx", ["vitest", "run", test], {
  stdio: "inherit",
  env: { ...process.env, NARUN_FUZZ_COUNT: String(count), NARUN_FUZZ_SEED: String(seed) },
});
process.exitCode = status ?? 1;
