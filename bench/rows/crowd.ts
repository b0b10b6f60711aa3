/** Many functions of one system: the push of all, and requests to many that sleep, at once. */
import type { Agent } from "node:http";
import { type Bench, NO_BESIDE, samplesOf } from "../frame/bench.ts";
import { OURS, type Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { type ManyFunctions, writeMany } from "../functions.ts";
import { MIB } from "../processes.ts";
import { keepPushed, pushMany, startWhole } from "../pushed-many.ts";
import { callCold, createAgent, timeRequest } from "../requests.ts";
import { type SleepWatch, watchSleep } from "../sleep-watch.ts";
import type { System } from "../system.ts";
import { LIVE_SECONDS } from "./live.ts";

const COUNT = 300;

const rows = () => {
  const count = COUNT;
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
  const { memory, ready, third, all } = rows();
  const count = COUNT;
  await using stack = new AsyncDisposableStack();
  bench.heading(`${count} functions in one narun up, ${bench.rounds} rounds`);
  if (bench.isQuick && bench.roots.beside === undefined) {
    // The other rows have no peer: one push is enough. The section `live` uses it again.
    const pushed = await pushMany(count, { idleSeconds: LIVE_SECONDS });
    keepPushed(bench, pushed);
    bench.record(memory, { [OURS]: [{ value: pushed.runnerBytes / MIB }] });
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
    const system = stack.use(await startWhole(functions.folder, { root }));
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

async function timePush(count: number, root: string): Promise<Push> {
  await using pushed = await pushMany(count, { root });
  const { readyMs, runnerBytes } = pushed;
  return { readyMs, runnerBytes };
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
