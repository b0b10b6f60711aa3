/** Durable workflows of ten small steps, beside Restate with its Node SDK. */
import { Agent, request } from "node:http";
import { median } from "../figures.ts";
import { type Bench, samplesOf } from "../frame/bench.ts";
import type { Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { RESTATE_ABSENT, startRestate } from "../peers/restate.ts";
import { writeSyncedNats } from "../peers/synced-nats.ts";
import { childrenOf, MIB, ownMemory, sum } from "../processes.ts";
import { startSystem } from "../system.ts";

const RESTATE = "restate";
const STEPS = 10;
const AT_ONCE = 32;

const rows = () => ({
  synced: {
    name: `workflows of ${STEPS} steps, ${AT_ONCE} at a time, each message synced`,
    unit: "steps/s",
    targets: [{ atLeast: 1.3, of: RESTATE }],
  },
  rate: {
    name: `workflows of ${STEPS} steps, ${AT_ONCE} at a time`,
    unit: "steps/s",
    targets: [{ atLeast: 3, of: RESTATE }],
  },
  syncedAlone: {
    name: `one workflow of ${STEPS} steps, p50, each message synced`,
    unit: "ms",
    targets: [{ atMost: 0.6, of: RESTATE }],
  },
  alone: {
    name: `one workflow of ${STEPS} steps, p50`,
    unit: "ms",
    targets: [{ atMost: 0.6, of: RESTATE }],
  },
  memory: {
    name: `memory of all processes after workflows of ${STEPS} steps`,
    unit: "MiB",
    targets: [{ atMost: 0.6, of: RESTATE }],
  },
});

export const workflow: Section = { rows, measure, needs: ["Linux"], isUnguarded: true };

const CODE = `import { workflow } from "narun";
export default workflow(async (ctx, n) => {
  let sum = n;
  for (let at = 0; at < ${STEPS}; at++) sum = await ctx.step("s" + at, () => sum + 1);
  return sum;
});
`;

/** A workflow takes two places: of the request that waits for its end, and of its run. With fewer a second instance starts. */
const CONFIG = `workflow: true\nscale: { concurrency: ${3 * AT_ONCE} }\n`;

interface Measured {
  stepsPerSecond: number;
  aloneMs: number;
  memoryMib: number;
  errors: number;
}

async function measure(bench: Bench): Promise<void> {
  bench.heading(`workflows of ${STEPS} small steps, ${AT_ONCE} at a time and alone`);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(await writeFunctions([{ name: "ten", code: CODE, config: CONFIG }]));
  const synced = stack.use(await writeSyncedNats());
  const agent = new Agent({ keepAlive: true });
  stack.defer(() => agent.destroy());
  const ours = async (root: string, env: Readonly<Record<string, string>>) => {
    const { http, pid } = stack.use(await startSystem([functions.folder], { root, env }));
    const headers = { prefer: "wait=60" };
    return prepare(bench, { agent, url: `${http}/ten`, headers, pids: () => [pid, ...childrenOf(pid)] });
  };
  const lax: Record<string, () => Promise<Measured>> = {};
  const strict: Record<string, () => Promise<Measured>> = {};
  for (const [name, root] of Object.entries(bench.roots)) {
    lax[name] = await ours(root, {});
    strict[name] = await ours(root, { NARUN_NATS_SERVER: synced.program });
  }
  const restate = await startRestate();
  if (restate === undefined) bench.skipPeer(RESTATE, RESTATE_ABSENT);
  else {
    stack.use(restate);
    lax[RESTATE] = await prepare(bench, {
      agent,
      url: restate.url,
      headers: {},
      pids: () => [...restate.pids],
    });
  }
  const { rate, alone, memory, synced: syncedRate, syncedAlone } = rows();
  const turns = await bench.inTurns(lax);
  const syncedTurns = await bench.inTurns(strict);
  const beside = turns.get(RESTATE);
  const withPeer = new Map([...syncedTurns, ...(beside === undefined ? [] : [[RESTATE, beside] as const])]);
  const figure =
    (value: (one: Measured) => number) =>
    (one: Measured): Sample => ({
      value: value(one),
      errors: one.errors,
    });
  const perSecond = figure(({ stepsPerSecond }) => stepsPerSecond);
  const aloneMs = figure((one) => one.aloneMs);
  bench.record(syncedRate, samplesOf(withPeer, perSecond));
  bench.record(rate, samplesOf(turns, perSecond));
  bench.record(syncedAlone, samplesOf(withPeer, aloneMs));
  bench.record(alone, samplesOf(turns, aloneMs));
  bench.record(
    memory,
    samplesOf(
      turns,
      figure(({ memoryMib }) => memoryMib),
    ),
  );
}

interface Target {
  agent: Agent;
  url: string;
  headers: Readonly<Record<string, string>>;
  pids(): number[];
}

/** Warms a system up. Each further measurement takes the seconds of a round. */
async function prepare(bench: Bench, target: Target): Promise<() => Promise<Measured>> {
  await load(target, AT_ONCE, bench.warmUpSeconds);
  return async () => {
    const many = await load(target, AT_ONCE, bench.loadSeconds);
    const memoryMib = sum(target.pids().map(ownMemory)) / MIB;
    const one = await load(target, 1, bench.loadSeconds / 2);
    return {
      stepsPerSecond: (many.latencies.length * (STEPS * 1_000)) / many.tookMs,
      aloneMs: median(one.latencies),
      memoryMib,
      errors: many.errors + one.errors,
    };
  };
}

async function load(
  target: Target,
  atOnce: number,
  seconds: number,
): Promise<{ latencies: number[]; tookMs: number; errors: number }> {
  const latencies: number[] = [];
  let errors = 0;
  const startedAt = performance.now();
  const client = async () => {
    while (performance.now() - startedAt < seconds * 1_000) {
      const sentAt = performance.now();
      const isRight = await runOnce(target).catch(() => false);
      if (isRight) latencies.push(performance.now() - sentAt);
      else errors += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  return { latencies, tookMs: performance.now() - startedAt, errors };
}

/** Resolves with whether the result is right. */
function runOnce({ agent, url, headers }: Target): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const json = { ...headers, "content-type": "application/json" };
  request(url, { method: "POST", agent, headers: json }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    response
      .on("error", reject)
      .on("end", () => resolve(response.statusCode === 200 && text === `${STEPS + 1}`));
  })
    .on("error", reject)
    .end("1");
  return promise;
}
