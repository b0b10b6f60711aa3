/** The start of a system, a push, and requests to functions without an instance. */
import { fileURLToPath } from "node:url";
import { percentile } from "../figures.ts";
import type { Bench } from "../frame/bench.ts";
import type { Row, Sample } from "../frame/row.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { callCold, createAgent, timeRequest } from "../requests.ts";
import { type SleepWatch, watchSleep } from "../sleep-watch.ts";
import { type System, startSystem, timeCli } from "../system.ts";

/** Number of functions that take turns. The others fall asleep while one is called. */
const FUNCTIONS = 8;

const hello = fileURLToPath(new URL("../../functions/examples/hello", import.meta.url));

const ROWS = {
  ready: { name: "narun up, start to ready", unit: "ms", targets: [{ atMost: 1_000 }] },
  push: { name: "narun push of the hello function", unit: "ms", targets: [{ atMost: 200 }] },
  p50: { name: "cold request, p50", unit: "ms", targets: [] },
  p99: { name: "cold request, p99", unit: "ms", targets: [] },
} satisfies Record<string, Row>;

/** The checkout of the command is the system's own, as another one may write data that the system cannot read. */
interface Started {
  root: string;
  system: System;
  watch: SleepWatch;
}

export async function measureColdStarts(bench: Bench): Promise<void> {
  const starts = bench.size(200, 40);
  bench.heading(`start, push and ${starts} cold requests, the bundle on the node, ${bench.rounds} rounds`);
  const names = Array.from({ length: FUNCTIONS }, (_, index) => `cold${index}`);
  await using functions = await writeFunctions(
    names.map((name) => ({ name, code: HELLO, config: "scale: { idleSeconds: 0.1 }\n" })),
  );
  const folders = [hello, functions.folder];
  const starting = Object.entries(bench.roots).map(([name, root]) => [name, () => timeReady(folders, root)]);
  await bench.takeTurns(ROWS.ready, Object.fromEntries(starting));

  await using stack = new AsyncDisposableStack();
  const started = new Map<string, Started>();
  for (const [name, root] of Object.entries(bench.roots)) {
    const system = stack.use(await startSystem(folders, root));
    started.set(name, { root, system, watch: stack.use(await watchSleep(system.nats)) });
  }
  const pushing = [...started].map(([name, system]) => [name, () => timePush(system)]);
  await bench.takeTurns(ROWS.push, Object.fromEntries(pushing));

  const latencies = await timeInTurns(started, names, { rounds: bench.rounds, starts });
  const sampleAll = (share: number): Record<string, Sample[]> =>
    Object.fromEntries(
      [...latencies].map(([name, values]) => [name, [{ value: percentile(values, share) }]]),
    );
  bench.record(ROWS.p50, sampleAll(0.5));
  bench.record(ROWS.p99, sampleAll(0.99));
}

async function timeInTurns(
  started: ReadonlyMap<string, Started>,
  names: readonly string[],
  { rounds, starts }: { rounds: number; starts: number },
): Promise<Map<string, number[]>> {
  using agent = createAgent();
  // The first requests bring the bundles to the nodes.
  for (const { system } of started.values())
    for (const name of names) await timeRequest(agent, `${system.http}/${name}`);
  const latencies = new Map<string, number[]>([...started.keys()].map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [of, { system, watch }] of started)
      for (let start = 0; start < starts / rounds; start++) {
        const name = names[start % names.length] ?? "";
        await watch.asleep(name);
        latencies.get(of)?.push(await callCold(agent, `${system.http}/${name}`));
      }
  return latencies;
}

async function timeReady(folders: readonly string[], root: string): Promise<Sample> {
  await using system = await startSystem(folders, root);
  return { value: system.readyMs };
}

async function timePush({ root, system }: Started): Promise<Sample> {
  return { value: await timeCli(["push", hello], system.nats, root) };
}
