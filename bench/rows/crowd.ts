/** Many functions of one system: the push of all, and requests to many that sleep, at once. */
import type { Agent } from "node:http";
import { type Bench, NO_BESIDE, samplesOf } from "../frame/bench.ts";
import { OURS, type Sample, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { type ManyFunctions, writeMany } from "../functions.ts";
import { MIB, peakMemory, runnerOf } from "../processes.ts";
import { callCold, createAgent, timeRequest } from "../requests.ts";
import { type SleepWatch, watchSleep } from "../sleep-watch.ts";
import { HERE, type System, startSystem } from "../system.ts";

const countOf = (size: Size) => size(300, 30);

const rows = (size: Size) => {
  const count = countOf(size);
  const atOnce = (number: number) => ({
    name: `${number} cold functions at once, last answer`,
    unit: "ms",
    targets: [{ atMost: 0.4, of: "beside" }],
  });
  return {
    memory: {
      name: `narun up pushes ${count} functions: runner, most resident`,
      unit: "MiB",
      targets: [{ atMost: 200 }],
    },
    ready: {
      name: `narun up pushes ${count} functions: start to ready`,
      unit: "ms",
      targets: [{ atMost: 0.7, of: "beside" }],
    },
    third: atOnce(count / 3),
    all: atOnce(count),
  };
};

export const crowd: Section = { rows, measure, needs: ["Linux"] };

async function measure(bench: Bench): Promise<void> {
  const { memory, ready, third, all } = rows(bench.size);
  const count = countOf(bench.size);
  await using stack = new AsyncDisposableStack();
  bench.heading(`${count} functions in one narun up, ${bench.rounds} rounds`);
  if (bench.isQuick && bench.roots.beside === undefined) {
    // The other rows have no peer: one push is enough.
    const { runnerBytes } = await timePush(count, HERE);
    bench.record(memory, { [OURS]: [{ value: runnerBytes / MIB }] });
    for (const row of [ready, third, all]) bench.skip(row, NO_BESIDE);
    return;
  }
  const pushing = Object.entries(bench.roots).map(([name, root]) => [name, () => timePush(count, root)]);
  const pushes = await bench.inTurns<Push>(Object.fromEntries(pushing), bench.longRounds);
  bench.record(
    memory,
    samplesOf(pushes, ({ runnerBytes }) => ({ value: runnerBytes / MIB })),
  );
  bench.record(
    ready,
    samplesOf(pushes, ({ readyMs }) => ({ value: readyMs })),
  );
  const functions = stack.use(await writeMany(count));
  const agent = stack.use(createAgent());
  const crowds: [string, Crowd][] = [];
  for (const [name, root] of Object.entries(bench.roots)) {
    const system = stack.use(await startWhole(functions.folder, root));
    const watch = stack.use(await watchSleep(system.nats));
    // The first requests bring the bundles to the node.
    for (const of of functions.names) await timeRequest(agent, `${system.http}/${of}`);
    crowds.push([name, { system, watch, agent, functions }]);
  }
  const waking = (number: number) =>
    Object.fromEntries(crowds.map(([name, of]) => [name, () => wake(of, number)]));
  await bench.takeTurns(third, waking(count / 3));
  await bench.takeTurns(all, waking(count));
}

interface Push {
  readyMs: number;
  runnerBytes: number;
}

/** The functions are new files: a folder that was pushed before may keep its builds. */
async function timePush(count: number, root: string): Promise<Push> {
  await using functions = await writeMany(count);
  await using system = await startWhole(functions.folder, root);
  return { readyMs: system.readyMs, runnerBytes: peakMemory(runnerOf(system.pid)) };
}

/** Rejects if a function did not start. */
async function startWhole(folder: string, root: string): Promise<System> {
  const system = await startSystem([folder], { root });
  const [failed] = system.failed;
  if (failed === undefined) return system;
  await system[Symbol.asyncDispose]();
  throw new Error(`${failed.function}: ${failed.message}`);
}

interface Crowd {
  system: System;
  watch: SleepWatch;
  agent: Agent;
  functions: ManyFunctions;
}

/** The time of the last answer, in milliseconds. */
async function wake({ system, watch, agent, functions }: Crowd, count: number): Promise<Sample> {
  const names = functions.names.slice(0, count);
  for (const name of names) await watch.asleep(name);
  const latencies = await Promise.all(names.map((name) => callCold(agent, `${system.http}/${name}`)));
  return { value: Math.max(...latencies) };
}
