/** Workflows whose process is killed with SIGKILL in the middle of their steps, beside Restate. */
import { Agent } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { type Bench, samplesOf } from "../frame/bench.ts";
import { OURS, type Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { RESTATE_ABSENT, startRestate } from "../peers/restate.ts";
import { type StepCounter, startStepCounter } from "../peers/step-counter.ts";
import { hostOf } from "../processes.ts";
import { postJson } from "../requests.ts";
import { type System, startSystem } from "../system.ts";

const RESTATE = "restate";
const STEPS = 10;
const WORKFLOWS = 32;
/** How long a step takes. */
const STEP_MS = 20;

const rows = () => ({
  recovery: {
    name: `${WORKFLOWS} workflows of ${STEPS} steps whose process is killed: until the last has ended`,
    unit: "ms",
    targets: [{ atMost: 1_000 }],
  },
  twice: {
    name: `${WORKFLOWS} workflows of ${STEPS} steps whose process is killed: steps that ran twice, for each workflow`,
    unit: "steps",
    // The step that was under way.
    targets: [{ atMost: 1 }],
  },
});

export const recovery: Section = { rows, measure, needs: ["Linux"], isUnguarded: true };

const codeFor = (url: string) => `import { workflow } from "narun";
export default workflow(async (ctx, id) => {
  let sum = 0;
  for (let at = 0; at < ${STEPS}; at++)
    sum += await ctx.step("s" + at, async () => Number(await (await fetch(${JSON.stringify(url)} + id + "/" + at)).text()));
  return sum;
});
`;

interface Measured {
  lastMs: number;
  twice: number;
  errors: number;
}

interface Target {
  /** Runs a workflow to its end. Resolves with its result. */
  run(id: string): Promise<string>;
  kill(): Promise<void>;
}

async function measure(bench: Bench): Promise<void> {
  bench.heading(`${WORKFLOWS} workflows of ${STEPS} steps of ${STEP_MS} ms, killed in the middle`);
  await using stack = new AsyncDisposableStack();
  const counter = stack.use(await startStepCounter(STEP_MS));
  const config = `workflow: true\negress: ["${counter.address}"]\n`;
  const functions = stack.use(await writeFunctions([{ name: "killed", code: codeFor(counter.url), config }]));
  const agent = new Agent({ keepAlive: true });
  stack.defer(() => agent.destroy());
  let round = 0;
  const systems: Record<string, () => Promise<Measured>> = {
    // A new system for each round: a function whose host dies again and again gets a host of its own.
    [OURS]: async () => {
      await using system = await startSystem([functions.folder]);
      return await killOnce(targetOf(system, agent), counter, `${OURS}${round++}`);
    },
  };
  const restate = await startRestate(counter.url);
  if (restate === undefined) bench.skipPeer(RESTATE, RESTATE_ABSENT);
  else {
    stack.use(restate);
    const target: Target = {
      run: (id) => postJson(agent, restate.countedUrl, JSON.stringify(id), {}),
      kill: () => restate.killService(),
    };
    systems[RESTATE] = () => killOnce(target, counter, `${RESTATE}${round++}`);
  }
  const turns = await bench.inTurns(systems, bench.longRounds);
  const figure =
    (value: (one: Measured) => number) =>
    (one: Measured): Sample => ({ value: value(one), errors: one.errors });
  const { recovery: last, twice } = rows();
  bench.record(
    last,
    samplesOf(
      turns,
      figure(({ lastMs }) => lastMs),
    ),
  );
  bench.record(
    twice,
    samplesOf(
      turns,
      figure((one) => one.twice / WORKFLOWS),
    ),
  );
}

function targetOf({ http, pid }: System, agent: Agent): Target {
  return {
    // The gateway sends a request with a key again when the instance that had it has died.
    run: (id) =>
      postJson(agent, `${http}/killed`, JSON.stringify(id), { prefer: "wait=60", "idempotency-key": id }),
    kill: async () => void process.kill(hostOf(pid), "SIGKILL"),
  };
}

async function killOnce(target: Target, counter: StepCounter, round: string): Promise<Measured> {
  // The process that is killed is warm.
  await target.run(`${round}-warm`);
  const ids = Array.from({ length: WORKFLOWS }, (_, at) => `${round}-${at}`);
  const runs = ids.map((id) => target.run(id).catch(String));
  await Promise.all(ids.map((id) => counter.firstAskOf(`${id}/${STEPS / 2}`)));
  await pause(STEP_MS / 2);
  const killedAt = performance.now();
  await target.kill();
  const results = await Promise.all(runs);
  const lastMs = performance.now() - killedAt;
  const steps = ids.flatMap((id) => Array.from({ length: STEPS }, (_, at) => `${id}/${at}`));
  const twice = steps.reduce((sum, step) => sum + Math.max(0, (counter.asked.get(step) ?? 0) - 1), 0);
  return { lastMs, twice, errors: results.filter((result) => result !== String(STEPS)).length };
}
