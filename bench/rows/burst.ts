/** Requests that arrive at once at one function without an instance. */
import type { Agent } from "node:http";
import type { Bench } from "../frame/bench.ts";
import { OURS, type Sample, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { callCold, createAgent, timeRequest } from "../requests.ts";
import { type SleepWatch, watchSleep } from "../sleep-watch.ts";
import { startSystem } from "../system.ts";

/** The bound of the burst's last answer: one cold request, and this many times as long as the same number of warm ones. */
const WARM_TIMES = 3;
const BOUND = `one cold + ${WARM_TIMES} × all warm`;

const countOf = (size: Size) => size(500, 100);

const rows = (size: Size) => ({
  last: {
    name: `0 to ${countOf(size)} requests at once, last answer`,
    unit: "ms",
    targets: [{ atMost: 1, of: BOUND }],
  },
});

export const burst: Section = { rows, measure, needs: [] };

interface Burst {
  url: string;
  name: string;
  count: number;
  agent: Agent;
  watch: SleepWatch;
}

async function measure(bench: Bench): Promise<void> {
  const count = countOf(bench.size);
  const name = "burst";
  await using functions = await writeFunctions([
    { name, code: HELLO, config: "scale: { idleSeconds: 0.1 }\n" },
  ]);
  bench.heading(`0 to ${count} requests at one function without an instance`);
  await using stack = new AsyncDisposableStack();
  const agent = stack.use(createAgent());
  const systems: Record<string, () => Promise<Sample>> = {};
  for (const [system, root] of Object.entries(bench.roots)) {
    const { http, nats } = stack.use(await startSystem([functions.folder], { root }));
    const one = { url: `${http}/${name}`, name, count, agent, watch: stack.use(await watchSleep(nats)) };
    // The first requests bring the bundle to the node, and open the connections.
    await timeAll(one);
    systems[system] = () => timeBurst(one);
    if (system === OURS) systems[BOUND] = () => timeBound(one);
  }
  await bench.takeTurns(rows(bench.size).last, systems);
}

async function timeBurst(burst: Burst): Promise<Sample> {
  await burst.watch.asleep(burst.name);
  return timeAll(burst);
}

async function timeBound(burst: Burst): Promise<Sample> {
  await burst.watch.asleep(burst.name);
  const coldMs = await callCold(burst.agent, burst.url);
  const warm = await timeAll(burst);
  return { ...warm, value: coldMs + WARM_TIMES * warm.value };
}

/** The time of the last answer, in milliseconds, and the number of failed requests. */
async function timeAll({ count, agent, url }: Burst): Promise<Sample> {
  const startedAt = performance.now();
  const requests = Array.from({ length: count }, () => timeRequest(agent, url));
  const settled = await Promise.allSettled(requests);
  const errors = settled.filter(({ status }) => status === "rejected").length;
  return { value: performance.now() - startedAt, errors };
}
