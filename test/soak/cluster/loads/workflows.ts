/** C6  Every workflow that was started ends right; a step that another one has seen keeps its result. */
import { pushBuild } from "../../../../control/index.ts";
import { Journals, toMessage } from "../../../../nats/index.ts";
import { eventually } from "../../../harness/eventually.ts";
import { buildSource } from "../../../harness/function-source.ts";
import {
  ask,
  describe,
  effectsBinding,
  effectsOf,
  type Load,
  type LoadOptions,
  NOTE,
  reasonOf,
  repeat,
  SETTLE_MS,
} from "./load.ts";

const FLOW = `import { workflow } from "narun";
${NOTE}
export default workflow(async (ctx, input, env) => {
  const first = await ctx.step("first", () => crypto.randomUUID());
  await ctx.step("seen", () => note(env, "flow/" + ctx.id + "/" + first));
  await ctx.sleep(1000);
  const second = await ctx.step("second", () => crypto.randomUUID());
  await ctx.step("seen too", () => note(env, "flow/" + ctx.id + "/" + second));
  return [input.n, first, second];
});`;
const PAUSE_MS = 800;
const headers = { "content-type": "application/json" };

export function createWorkflowLoad(options: LoadOptions): Load {
  const { places, tally } = options;
  const results: (string[] | undefined)[] = [];
  let started = 0;
  const start = async (n: number) => {
    const sentAt = performance.now();
    await eventually(
      async () => {
        const init = { method: "POST", headers, body: JSON.stringify({ n }) };
        const answer = await ask(options, n % 3, `/flow/f${n}`, init);
        if (answer.status >= 300) throw new Error(`start of workflow ${n}: ${describe(answer)}`);
      },
      { timeoutMs: SETTLE_MS },
    ).catch((error) => tally.fault(reasonOf(error)));
    tally.took("workflow start", sentAt);
    started = n + 1;
  };
  const checkOne = async (n: number) => {
    results[n] = await eventually(
      async () => {
        const answer = await ask(options, n % 3, `/flow/f${n}/result?wait=10`);
        if (answer.status !== 200) throw new Error(`the result of workflow ${n}: ${describe(answer)}`);
        return JSON.parse(answer.text) as string[];
      },
      { timeoutMs: SETTLE_MS },
    ).catch((error) => {
      tally.fault(reasonOf(error));
      return undefined;
    });
    const entries = await new Journals(places.connection).read({ workflow: "flow", id: `f${n}` });
    const records = entries.map(toMessage).flatMap(({ log }) => log ?? []);
    const settled = records.flatMap(({ got = [] }) =>
      got.filter(([, what]) => what === "ok" || what === "error").map(([number]) => number),
    );
    if (results[n] === undefined)
      for (const { seq, at, kind, text } of entries)
        tally.fault(`  ${seq} ${new Date(at).toISOString()} ${kind} ${text.slice(0, 400)}`);
    if (new Set(settled).size !== settled.length) tally.fault(`workflow ${n} has two results of a step`);
  };
  return {
    async prepare() {
      const config = { workflow: true, bindings: [effectsBinding], scale: { idleSeconds: 5 } };
      await pushBuild(places.connection, await buildSource("flow", FLOW, config));
    },
    run: (signal) => repeat(signal, PAUSE_MS, start),
    async check() {
      for (let n = 0; n < started; n++) await checkOne(n);
      const seen = await effectsOf(places, "flow/");
      for (const [n, result] of results.entries()) {
        const own = seen.filter((key) => key.startsWith(`f${n}/`)).map((key) => key.split("/")[1]);
        if (result !== undefined && JSON.stringify([n, ...own]) !== JSON.stringify(result))
          tally.fault(`workflow ${n} ended with ${result}, its steps have shown ${own}`);
      }
      tally.count("workflows ended", results.filter((result) => result !== undefined).length);
    },
  };
}
