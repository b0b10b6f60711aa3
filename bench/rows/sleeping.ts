/** The disk and memory of workflows that sleep, and the start of many that are due at the same time. */
import { Agent } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { connectNats, type Nats } from "../../nats/index.ts";
import type { Bench } from "../frame/bench.ts";
import { OURS, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { KIB, MIB, ownMemory, processesOf, sum } from "../processes.ts";
import { postJson } from "../requests.ts";
import { makeDataDirs, startSystem } from "../system.ts";

const manyOf = (size: Size) => size(100_000, 2_000);
const dueOf = (size: Size) => size(1_000, 100);

const NONE = "none";

const rows = (size: Size) => {
  const many = `${manyOf(size)} sleeping workflows`;
  return {
    disk: {
      name: `${many}: disk of each, with its input of 20 bytes`,
      unit: "KiB",
      targets: [{ atMost: 1 }],
    },
    memory: {
      name: `${many}: gateway, runner and host, beyond those without one`,
      unit: "MiB",
      targets: [{ atMost: 5 }],
    },
    due: {
      name: `${many}: ${dueOf(size)} of them due at once, until the last has started`,
      unit: "s",
      targets: [{ atMost: 20 }],
    },
  };
};

export const sleeping: Section = { rows, measure, needs: ["Linux"], isUnguarded: true };

const CODE = `import { workflow } from "narun";
export default workflow(async (ctx, until, env) => {
  await ctx.sleepUntil(new Date(until));
  await ctx.step("awake", () => env.NEWS.publish("bench.awake", ctx.id));
});
`;
const CONFIG = `workflow: true\nbindings: [{ name: NEWS, publish: ["bench.awake"] }]\nscale: { idleSeconds: 1 }\n`;

/** Starts under way at a time. */
const AT_ONCE = 64;
const NEVER_MS = 30 * 24 * 3_600_000;
/** How far ahead the workflows are due that wake: all must sleep by then. */
const AHEAD_MS = 20_000;
const WAKE_LIMIT_MS = 120_000;

async function measure(bench: Bench): Promise<void> {
  const many = manyOf(bench.size);
  bench.heading(`${many} workflows that sleep`);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(await writeFunctions([{ name: "sleeper", code: CODE, config: CONFIG }]));
  const dirs = stack.use(await makeDataDirs());
  await fill(bench, functions.folder, dirs.of(NONE), 1);
  await fill(bench, functions.folder, dirs.of(OURS), many);
  await measureMemory(bench, dirs.of);
  await measureWaking(bench, dirs.of(OURS));
}

/** Starts workflows that sleep for a month. */
async function fill(bench: Bench, folder: string, dataDir: string, count: number): Promise<void> {
  await using system = await startSystem([folder], { dataDir });
  const startedAt = performance.now();
  await startAll(system.http, count, Date.now() + NEVER_MS);
  const bytes = await untilAsleep(system.nats, count);
  if (count === 1) return;
  bench.print(
    "starts, until they sleep",
    `${Math.round((count * 1_000) / (performance.now() - startedAt))} a second`,
  );
  bench.record(rows(bench.size).disk, { [OURS]: [{ value: bytes / count / KIB }] });
}

async function startAll(http: string, count: number, until: number): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  let left = count;
  const client = async () => {
    while (left-- > 0) await postJson(agent, `${http}/sleeper`, String(until), {});
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  agent.destroy();
}

const STREAM = "narun-workflows";

/** Resolves when nothing is due any more, and each has its timer; with the bytes that the stream has on the disk. */
async function untilAsleep(url: string, count: number): Promise<number> {
  const nats = await connectNats({ url, name: "bench" });
  for (;;) {
    const due = await ask<{ num_pending: number; num_ack_pending: number }>(
      nats,
      `CONSUMER.INFO.${STREAM}.due`,
    );
    const { state } = await ask<{ state: { messages: number; bytes: number } }>(
      nats,
      `STREAM.INFO.${STREAM}`,
    );
    // An input, a record and a timer of each.
    const isAsleep = due.num_pending + due.num_ack_pending === 0 && state.messages >= 3 * count;
    if (isAsleep) {
      await nats.close();
      return state.bytes;
    }
    await pause(200);
  }
}

async function ask<Answer>(nats: Nats, question: string): Promise<Answer> {
  const answer = await nats.request(`$JS.API.${question}`, "", { timeoutMs: 10_000 });
  return JSON.parse(answer.text()) as Answer;
}

async function measureMemory(bench: Bench, dirOf: (name: string) => string): Promise<void> {
  const settleMs = bench.size(8_000, 2_000);
  const startWith = (name: string) => async () => {
    await using system = await startSystem([], { dataDir: dirOf(name) });
    await pause(settleMs);
    const ours = [...processesOf(system.pid)].filter(([role]) => role !== "nats-server");
    return { value: sum(ours.flatMap(([, pids]) => pids).map(ownMemory)) / MIB };
  };
  const turns = await bench.inTurns({ [NONE]: startWith(NONE), [OURS]: startWith(OURS) }, bench.longRounds);
  const none = turns.get(NONE) ?? [];
  const samples = (turns.get(OURS) ?? []).map(({ value }, round) => ({
    value: value - (none[round]?.value ?? Number.NaN),
  }));
  bench.record(rows(bench.size).memory, { [OURS]: samples });
}

async function measureWaking(bench: Bench, dataDir: string): Promise<void> {
  const due = dueOf(bench.size);
  await using system = await startSystem([], { dataDir });
  const connection = await connectNats({ url: system.nats, name: "bench" });
  const awake = new Set<string>();
  const all = Promise.withResolvers<void>();
  connection.subscribe("bench.awake", (message) => {
    awake.add(message.text());
    if (awake.size === due) all.resolve();
  });
  await connection.flush();
  const until = Date.now() + AHEAD_MS;
  await startAll(system.http, due, until);
  if (Date.now() > until) throw new Error("the starts took too long: some were due before the last began");
  await Promise.race([all.promise, pause(until - Date.now() + WAKE_LIMIT_MS)]);
  const tookMs = Date.now() - until;
  await connection.close();
  bench.record(rows(bench.size).due, { [OURS]: [{ value: tookMs / 1_000, errors: due - awake.size }] });
}
