/** One durable step beside a bare publish with its acknowledgement, and the first step of a workflow whose function sleeps. */
import { Agent } from "node:http";
import { connectNats } from "../../nats/index.ts";
import { median } from "../figures.ts";
import type { Bench } from "../frame/bench.ts";
import { OURS } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { openBareStream } from "../peers/bare-stream.ts";
import { callCold, createAgent, postJson, timeRequest } from "../requests.ts";
import { type SleepWatch, watchSleep } from "../sleep-watch.ts";
import { startSystem } from "../system.ts";

const BARE = "bare publish";
/** The steps of the long workflow. The short one has none. */
const STEPS = 100;

const rows = () => ({
  step: {
    name: `one durable step of a workflow of ${STEPS}, p50, beside one publish with its acknowledgement`,
    unit: "ms",
    targets: [{ atMost: 2.5, of: BARE }],
  },
  cold: {
    name: "cold workflow, start to its first step, p50, beyond a cold request",
    unit: "ms",
    targets: [{ atMost: 5 }],
  },
});

export const durableStep: Section = { rows, measure, needs: ["Linux"], isUnguarded: true };

const MANY = `import { workflow } from "narun";
export default workflow(async (ctx, steps) => {
  let sum = 0;
  for (let at = 0; at < steps; at++) sum = await ctx.step("s" + at, () => sum + 1);
  return sum;
});
`;

const FIRST = `import { workflow } from "narun";
export default workflow(async (ctx, id, env) => {
  await ctx.step("first", () => env.NEWS.publish("bench.first." + id, ""));
});
`;

async function measure(bench: Bench): Promise<void> {
  bench.heading("one durable step, and the first step of a workflow whose function sleeps");
  await using stack = new AsyncDisposableStack();
  const asleep = "scale: { idleSeconds: 0.1 }\n";
  const functions = stack.use(
    await writeFunctions([
      { name: "many", code: MANY, config: "workflow: true\n" },
      {
        name: "first",
        code: FIRST,
        config: `workflow: true\nbindings: [{ name: NEWS, publish: ["bench.first.>"] }]\n${asleep}`,
      },
      { name: "hello", code: HELLO, config: asleep },
    ]),
  );
  const { http, nats } = stack.use(await startSystem([functions.folder]));
  const agent = new Agent({ keepAlive: true });
  stack.defer(() => agent.destroy());
  await measureSteps(bench, { agent, url: `${http}/many`, nats });
  const watch = stack.use(await watchSleep(nats));
  await measureColdStarts(bench, { http, nats, watch });
}

async function measureSteps(
  bench: Bench,
  { agent, url, nats }: { agent: Agent; url: string; nats: string },
): Promise<void> {
  const each = bench.size(20, 4);
  const run = async (steps: number) => {
    const startedAt = performance.now();
    const answer = await postJson(agent, `${url}`, String(steps), { prefer: "wait=60" });
    if (answer !== String(steps)) throw new Error(`a workflow of ${steps} steps ended with ${answer}`);
    return performance.now() - startedAt;
  };
  const ours = async () => {
    const [long, short]: [number[], number[]] = [[], []];
    for (let count = 0; count < each; count++) {
      long.push(await run(STEPS));
      short.push(await run(0));
    }
    return { value: (median(long) - median(short)) / STEPS };
  };
  await using bare = await openBareStream(nats);
  await ours();
  await bench.takeTurns(rows().step, {
    [OURS]: ours,
    [BARE]: async () => ({ value: median(await bare.publish(each * STEPS)) }),
  });
}

async function measureColdStarts(
  bench: Bench,
  { http, nats, watch }: { http: string; nats: string; watch: SleepWatch },
): Promise<void> {
  const each = bench.size(30, 8);
  using agent = createAgent();
  const connection = await connectNats({ url: nats, name: "bench" });
  const firsts = new Map<string, PromiseWithResolvers<number>>();
  connection.subscribe("bench.first.*", ({ subject }) =>
    firsts.get(subject.split(".").at(-1) ?? "")?.resolve(performance.now()),
  );
  await connection.flush();
  let count = 0;
  const startWorkflow = async () => {
    const id = `f${count++}`;
    const first = Promise.withResolvers<number>();
    firsts.set(id, first);
    const startedAt = performance.now();
    await postJson(agent, `${http}/first/${id}`, JSON.stringify(id), {});
    return (await first.promise) - startedAt;
  };
  // The first ones bring the bundles to the node.
  await startWorkflow();
  await timeRequest(agent, `${http}/hello`);
  const rounds = await bench.inTurns({
    [OURS]: async () => {
      const [workflows, requests]: [number[], number[]] = [[], []];
      for (let start = 0; start < each; start++) {
        await watch.asleep("first");
        workflows.push(await startWorkflow());
        await watch.asleep("hello");
        requests.push(await callCold(agent, `${http}/hello`));
      }
      bench.print(
        "cold workflow, cold request",
        `${median(workflows).toFixed(1)}, ${median(requests).toFixed(1)} ms`,
      );
      return { value: median(workflows) - median(requests) };
    },
  });
  bench.record(rows().cold, Object.fromEntries(rounds));
  await connection.close();
}
