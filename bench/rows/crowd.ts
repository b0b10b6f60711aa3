/** Many functions of one system: the push of all, and requests to many that sleep, at once. */
import type { Agent } from "node:http";
import type { Bench } from "../frame/bench.ts";
import type { Row, Sample } from "../frame/row.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { MIB, peakMemory, runnerOf } from "../processes.ts";
import { callCold, createAgent, timeRequest } from "../requests.ts";
import { type SleepWatch, watchSleep } from "../sleep-watch.ts";
import { type System, startSystem } from "../system.ts";

interface Started {
  system: System;
  watch: SleepWatch;
}

export async function measureCrowd(bench: Bench): Promise<void> {
  const count = bench.size(300, 30);
  const names = Array.from({ length: count }, (_, index) => `crowd${index}`);
  await using functions = await writeFunctions(
    names.map((name) => ({ name, code: HELLO, config: "scale: { idleSeconds: 0.1 }\n" })),
  );
  await using stack = new AsyncDisposableStack();
  bench.heading(`${count} functions in one narun up`);
  const started = new Map<string, Started>();
  for (const [name, root] of Object.entries(bench.roots)) {
    const system = stack.use(await startSystem([functions.folder], root));
    const [failed] = system.failed;
    if (failed !== undefined) throw new Error(`${failed.function}: ${failed.message}`);
    started.set(name, { system, watch: stack.use(await watchSleep(system.nats)) });
  }
  recordPush(bench, count, started);

  using agent = createAgent();
  // The first requests bring the bundles to the nodes.
  for (const { system } of started.values())
    for (const name of names) await timeRequest(agent, `${system.http}/${name}`);
  for (const share of [1 / 3, 1]) {
    const chosen = names.slice(0, count * share);
    const row: Row = {
      name: `${chosen.length} cold functions at once, last answer`,
      unit: "ms",
      targets: [{ atMost: 0.4, of: "beside" }],
    };
    const systems = [...started].map(([name, one]) => [name, () => wakeAll(one, agent, chosen)]);
    await bench.takeTurns(row, Object.fromEntries(systems));
  }
}

function recordPush(bench: Bench, count: number, started: ReadonlyMap<string, Started>): void {
  const sampleAll = (figure: (system: System) => number): Record<string, Sample[]> =>
    Object.fromEntries([...started].map(([name, { system }]) => [name, [{ value: figure(system) }]]));
  bench.record(
    { name: `push of ${count} functions, runner, most resident`, unit: "MiB", targets: [{ atMost: 200 }] },
    sampleAll(({ pid }) => peakMemory(runnerOf(pid)) / MIB),
  );
  bench.record(
    { name: `narun up with ${count} functions, start to ready`, unit: "ms", targets: [] },
    sampleAll(({ readyMs }) => readyMs),
  );
}

/** The time of the last answer, in milliseconds. */
async function wakeAll({ system, watch }: Started, agent: Agent, names: readonly string[]): Promise<Sample> {
  for (const name of names) await watch.asleep(name);
  const latencies = await Promise.all(names.map((name) => callCold(agent, `${system.http}/${name}`)));
  return { value: Math.max(...latencies) };
}
