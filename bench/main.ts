/**
 * First figures: cold and warm requests, start and push. Everything in one run on one machine, beside a plain
 * `node:http` server, interleaved; quote ratios and medians. Not measured here: many nodes, large bodies, density.
 */
import { fileURLToPath } from "node:url";
import { measureCold, writeColdFunctions } from "./cold.ts";
import { type LoadResult, load } from "./load.ts";
import { startPlainServer, startSystem, timeCli } from "./system.ts";

const COLD_STARTS = 200;
const ROUNDS = 3;
const SECONDS = 4;
const CONNECTIONS = 32;

const hello = fileURLToPath(new URL("../functions/examples/hello", import.meta.url));

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN;
const median = (values: readonly number[]) => percentile(values, 0.5);
const print = (name: string, value: string) => process.stdout.write(`${name.padEnd(44)} ${value}\n`);

await using plain = await startPlainServer();
await using coldFunctions = await writeColdFunctions();
await using system = await startSystem([hello, coldFunctions.folder]);
print("narun up, start to ready", `${system.readyMs.toFixed(0)} ms`);

const pushes: number[] = [];
for (let round = 0; round < ROUNDS; round++) pushes.push(await timeCli(["push", hello], system.nats));
print("narun push of the hello function, median", `${median(pushes).toFixed(0)} ms`);

const cold = await measureCold(system.http, system.nats, COLD_STARTS);
print(
  `cold request, ${COLD_STARTS} starts`,
  `p50 ${median(cold).toFixed(1)} ms, p99 ${percentile(cold, 0.99).toFixed(1)} ms`,
);

const plainRuns: LoadResult[] = [];
const narunRuns: LoadResult[] = [];
for (let round = 0; round < ROUNDS; round++) {
  plainRuns.push(await load({ url: `${plain.http}/hello`, connections: CONNECTIONS, seconds: SECONDS }));
  narunRuns.push(await load({ url: `${system.http}/hello`, connections: CONNECTIONS, seconds: SECONDS }));
}
const rateOf = (runs: LoadResult[]) => median(runs.map(({ requestsPerSecond }) => requestsPerSecond));
const errorsOf = (runs: LoadResult[]) => runs.reduce((sum, { errors }) => sum + errors, 0);
const by = narunRuns[0]?.by ?? "";
print(
  `node:http, ${CONNECTIONS} connections (${by})`,
  `${rateOf(plainRuns).toFixed(0)} requests/s, ${errorsOf(plainRuns)} errors`,
);
print(
  `narun, warm, ${CONNECTIONS} connections (${by})`,
  `${rateOf(narunRuns).toFixed(0)} requests/s, ${errorsOf(narunRuns)} errors`,
);
print("narun / node:http", (rateOf(narunRuns) / rateOf(plainRuns)).toFixed(3));
