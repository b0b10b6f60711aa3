/** Calls between two services, beside requests of NATS between two bare processes. */
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { BARE, startBare } from "../bare-requests.ts";
import type { Bench } from "../frame/bench.ts";
import { OURS, type Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { HERE, startSystem } from "../system.ts";

const AT_ONCE = 32;
/** Calls of one request: its share of them in the time is small against its own cost. */
const CALLS = 2_000;

const rows = () => ({
  rate: {
    name: `calls between services, ${AT_ONCE} at a time`,
    unit: "calls/s",
    targets: [{ atLeast: 0.8, of: BARE }],
  },
});

export const calls: Section = { rows, measure, needs: [], isUnguarded: true };

const CALLEE = `import { service } from "narun";
import { z } from "zod";
export default service({ name: "callee", version: "1.0.0" }).action(
  "add",
  { input: z.object({ a: z.number(), b: z.number() }), output: z.object({ sum: z.number() }) },
  ({ a, b }) => ({ sum: a + b }),
);
`;

const CALLER = `import { service } from "narun";
export default service({ name: "caller", version: "1.0.0" }).action("run", {}, async (_input, _ctx, env) => {
  let calls = 0;
  const ask = async () => {
    while (calls < ${CALLS}) {
      const a = calls++;
      const reply = await env.CALLEE.fetch("/callee.add", { method: "POST", body: JSON.stringify({ a, b: 1 }) });
      if ((await reply.json()).sum !== a + 1) throw new Error("a wrong sum");
    }
  };
  await Promise.all(Array.from({ length: ${AT_ONCE} }, ask));
  return calls;
});
`;

const CALLER_CONFIG = `bindings: [{ name: CALLEE, service: callee }]
limits: { subrequests: ${CALLS}, cpuMs: 60000 }
`;

async function measure(bench: Bench): Promise<void> {
  bench.heading(`calls of an action by another service, ${AT_ONCE} at a time`);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(
    await writeFunctions([
      { name: "callee", code: CALLEE, config: "scale: { max: 1 }\n" },
      { name: "caller", code: CALLER, config: CALLER_CONFIG },
    ]),
  );
  // The schemas' library is that of this checkout.
  await symlink(join(HERE, "node_modules"), join(functions.folder, "node_modules"), "dir");
  const systems: Record<string, () => Promise<Sample>> = {};
  for (const [system, root] of Object.entries(bench.roots)) {
    const { http, nats, failed } = stack.use(await startSystem([functions.folder], { root }));
    if (failed.length > 0) throw new Error(JSON.stringify(failed));
    await rateOf(http, bench.warmUpSeconds);
    systems[system] = async () => ({ value: await rateOf(http, bench.loadSeconds) });
    if (system === OURS)
      systems[BARE] = await startBare(stack, nats, { atOnce: AT_ONCE, seconds: bench.loadSeconds });
  }
  await bench.takeTurns(rows().rate, systems);
}

/** Calls for so long, one request behind the other. */
async function rateOf(http: string, seconds: number): Promise<number> {
  const startedAt = performance.now();
  let done = 0;
  do {
    const response = await fetch(`${http}/caller.run`, { method: "POST" });
    if (response.status !== 200) throw new Error(await response.text());
    done += CALLS;
  } while (performance.now() - startedAt < seconds * 1_000);
  return (done * 1_000) / (performance.now() - startedAt);
}
