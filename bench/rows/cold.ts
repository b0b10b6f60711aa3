/** Requests to functions without an instance, beside the start of a workerd process with the same handler. */
import type { Agent } from "node:http";
import { median, percentile } from "../figures.ts";
import { type Bench, samplesOf, type Turns } from "../frame/bench.ts";
import type { Section } from "../frame/section.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { type PreparedWorkerd, prepareWorkerd, WORKERD_ABSENT } from "../peers/workerd.ts";
import { callCold, createAgent, timeRequest } from "../requests.ts";
import { type SleepWatch, watchSleep } from "../sleep-watch.ts";
import { startSystem } from "../system.ts";

/** Number of functions that take turns. The others fall asleep while one is called. */
const FUNCTIONS = 8;

const WORKER = `
const headers = { "Content-Type": "text/plain;charset=UTF-8" };
export default { fetch: () => new Response("Hello, world!", { headers }) };
`;

const rows = () => ({
  p50: {
    name: "cold request, p50 (workerd: start of a process until it answers)",
    unit: "ms",
    targets: [
      { atMost: 0.1, of: "workerd", behind: 4.5 },
      { atMost: 0.6, of: "beside" },
    ],
  },
  p99: {
    name: "cold request, p99 (workerd: start of a process until it answers)",
    unit: "ms",
    targets: [{ atMost: 0.4, of: "workerd", behind: 2 }],
  },
});

export const cold: Section = { rows, measure, needs: [] };

/** Makes one cold start. Resolves with its time in milliseconds. */
type ColdStart = () => Promise<number>;

async function measure(bench: Bench): Promise<void> {
  const each = bench.size(60, 12);
  bench.heading(`${each * bench.rounds} cold requests, the bundle on the node, ${bench.rounds} rounds`);
  const names = Array.from({ length: FUNCTIONS }, (_, index) => `cold${index}`);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(
    await writeFunctions(
      names.map((name) => ({ name, code: HELLO, config: "scale: { idleSeconds: 0.1 }\n" })),
    ),
  );
  const agent = stack.use(createAgent());
  const starts = new Map<string, ColdStart>();
  for (const [name, root] of Object.entries(bench.roots)) {
    const { http, nats } = stack.use(await startSystem([functions.folder], { root }));
    const urls = names.map((of) => ({ name: of, url: `${http}/${of}` }));
    // The watch knows the instances that start after it.
    const watch = stack.use(await watchSleep(nats));
    // The first requests bring the bundles to the node.
    for (const { url } of urls) await timeRequest(agent, url);
    starts.set(name, coldRequests(agent, watch, urls));
  }
  const workerd = await prepareWorkerd(WORKER);
  if (workerd === undefined) bench.skipPeer("workerd", WORKERD_ABSENT);
  else starts.set("workerd", processStarts(stack.use(workerd)));
  record(bench, await bench.inTurns(roundsOf(starts, each)));
}

function roundsOf(starts: ReadonlyMap<string, ColdStart>, each: number) {
  const repeat = async (start: ColdStart) => {
    const latencies: number[] = [];
    for (let count = 0; count < each; count++) latencies.push(await start());
    return latencies;
  };
  return Object.fromEntries([...starts].map(([name, start]) => [name, () => repeat(start)]));
}

function record(bench: Bench, turns: Turns<readonly number[]>): void {
  const { p50, p99 } = rows();
  bench.record(
    p50,
    samplesOf(turns, (latencies) => ({ value: median(latencies) })),
  );
  // One round is too short for this share.
  const all = [...turns].map(([name, rounds]) => [name, [{ value: percentile(rounds.flat(), 0.99) }]]);
  bench.record(p99, Object.fromEntries(all));
}

function coldRequests(
  agent: Agent,
  watch: SleepWatch,
  urls: readonly { name: string; url: string }[],
): ColdStart {
  let turn = 0;
  return async () => {
    const next = urls[turn++ % urls.length];
    if (next === undefined) throw new Error("no function");
    await watch.asleep(next.name);
    return callCold(agent, next.url);
  };
}

/** The agent is a new one, as connections to an ended process are of no use. */
function processStarts(workerd: PreparedWorkerd): ColdStart {
  return async () => {
    using agent = createAgent();
    const startedAt = performance.now();
    await using server = await workerd.start();
    await timeRequest(agent, server.http);
    return performance.now() - startedAt;
  };
}
