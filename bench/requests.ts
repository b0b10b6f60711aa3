/** Small requests: cold ones, and warm ones in turns with a plain `node:http` server and workerd. */
import { fileURLToPath } from "node:url";
import { measureCold, writeColdFunctions } from "./cold.ts";
import { heading, inMs, median, percentile, print } from "./figures.ts";
import { type LoadResult, load } from "./load.ts";
import { startPlainServer, startSystem, timeCli } from "./system.ts";
import { startWorkerd } from "./workerd.ts";

const CONNECTIONS = 32;

const hello = fileURLToPath(new URL("../functions/examples/hello", import.meta.url));

export interface RequestOptions {
  isQuick: boolean;
  /** Another checkout of narun, which takes its turn in every measurement. */
  beside: string | undefined;
}

export async function measureColdStarts({ isQuick, beside }: RequestOptions): Promise<void> {
  const starts = isQuick ? 40 : 200;
  heading(`start, push and ${starts} cold requests, the bundle on the node`);
  for (const [name, root] of rootsOf(beside)) {
    await using functions = await writeColdFunctions();
    await using system = await startSystem([hello, functions.folder], root);
    const pushes: number[] = [];
    for (let round = 0; round < 3; round++) pushes.push(await timeCli(["push", hello], system.nats, root));
    const cold = await measureCold(system.http, system.nats, starts);
    print(`${name}: narun up, start to ready`, `${system.readyMs.toFixed(0)} ms`);
    print(`${name}: narun push of the hello function`, `${median(pushes).toFixed(0)} ms`);
    print(`${name}: cold request`, `p50 ${inMs(median(cold))}, p99 ${inMs(percentile(cold, 0.99))}`);
  }
}

export async function measureWarm({ isQuick, beside }: RequestOptions): Promise<void> {
  const seconds = isQuick ? 1 : 4;
  const rounds = isQuick ? 1 : 5;
  await using stack = new AsyncDisposableStack();
  const servers = new Map<string, { http: string }>();
  servers.set("node:http", stack.use(await startPlainServer()));
  for (const [name, root] of rootsOf(beside)) servers.set(name, stack.use(await startSystem([hello], root)));
  const workerd = await startWorkerd(
    `export default { fetch: () => new Response("Hello, world!", { headers: { "Content-Type": "text/plain;charset=UTF-8" } }) };`,
  );
  if (workerd !== undefined) servers.set("workerd", stack.use(workerd));

  heading(`warm hello, ${CONNECTIONS} connections, ${rounds} rounds of ${seconds} s in turns`);
  const runs = new Map<string, LoadResult[]>();
  for (let round = 0; round < rounds; round++)
    for (const [name, { http }] of servers) {
      const run = await load({ url: `${http}/hello`, connections: CONNECTIONS, seconds });
      runs.set(name, [...(runs.get(name) ?? []), run]);
    }
  const rates = new Map([...runs].map(([name, results]) => [name, median(results.map(rateOf))]));
  for (const [name, results] of runs) {
    const errors = results.reduce((sum, result) => sum + result.errors, 0);
    print(`${name} (${results[0]?.by})`, `${rates.get(name)?.toFixed(0)} requests/s, ${errors} errors`);
  }
  const narun = rates.get("narun") ?? Number.NaN;
  for (const [name, rate] of rates) if (name !== "narun") print(`narun / ${name}`, (narun / rate).toFixed(3));
  if (workerd === undefined) print("workerd", "skipped: the npm package `workerd` is not installed");
}

const rateOf = ({ requestsPerSecond }: LoadResult) => requestsPerSecond;

function rootsOf(beside: string | undefined): [string, string | undefined][] {
  return [["narun", undefined], ...(beside === undefined ? [] : [["beside", beside] as [string, string]])];
}
