/** Calls between two services that are sealed end to end, beside the same calls in clear. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Bench } from "../frame/bench.ts";
import { OURS } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { HERE, makeDataDirs, startSystem } from "../system.ts";

const PLAIN = "in clear";
const AT_ONCE = 32;
/** Calls of one request: its share of them in the time is small against its own cost. */
const CALLS = 1_000;
const BYTES = 1_024;

const rows = () => ({
  rate: {
    name: `sealed calls of 1 KiB between services, ${AT_ONCE} at a time`,
    unit: "calls/s",
    targets: [{ atLeast: 0.5, of: PLAIN }],
  },
});

export const sealedCalls: Section = { rows, measure, needs: [], isUnguarded: true };

const CALLEE = `import { service } from "narun";
const echo = ({ text }) => ({ text });
export default service({ name: "callee", version: "1.0.0" })
  .action("clear", {}, echo)
  .action("sealed", { encrypt: "bench" }, echo);
`;

const CALLER = `import { service } from "narun";
const text = "x".repeat(${BYTES});
const run = (ask) => async (_input, _ctx, env) => {
  let calls = 0;
  const again = async () => {
    while (calls < ${CALLS}) {
      calls += 1;
      if ((await ask(env)).text !== text) throw new Error("another text");
    }
  };
  await Promise.all(Array.from({ length: ${AT_ONCE} }, again));
  return calls;
};
export default service({ name: "caller", version: "1.0.0" })
  .action("clear", {}, run((env) => env.CLEAR.clear({ text })))
  .action("sealed", {}, run((env) => env.SEALED.sealed({ text })));
`;

const CALLER_CONFIG = `bindings:
  - { name: CLEAR, service: callee }
  - { name: SEALED, service: callee, seal: bench }
limits: { subrequests: ${CALLS}, cpuMs: 60000 }
`;

async function measure(bench: Bench): Promise<void> {
  bench.heading(`sealed calls of an action, ${AT_ONCE} at a time`);
  await using stack = new AsyncDisposableStack();
  const dataDir = stack.use(await makeDataDirs()).of("sealed");
  const none = stack.use(await writeFunctions([]));
  {
    await using system = await startSystem([none.folder], { dataDir });
    for (const words of ["init", "grant bench service:callee", "grant bench service:caller"])
      await promisify(execFile)(
        process.execPath,
        [join(HERE, "bin/narun.cjs"), "keys", ...words.split(" "), "--data-dir", dataDir],
        { env: { ...process.env, NARUN_NATS_URL: system.nats } },
      );
  }
  const functions = stack.use(
    await writeFunctions([
      { name: "callee", code: CALLEE, config: "scale: { max: 1 }\n" },
      { name: "caller", code: CALLER, config: CALLER_CONFIG },
    ]),
  );
  const { http, failed } = stack.use(await startSystem([functions.folder], { dataDir }));
  if (failed.length > 0) throw new Error(JSON.stringify(failed));
  const rate = (action: string) => async () => ({
    value: await rateOf(`${http}/caller.${action}`, bench.loadSeconds),
  });
  await rateOf(`${http}/caller.sealed`, bench.warmUpSeconds);
  await bench.takeTurns(rows().rate, { [OURS]: rate("sealed"), [PLAIN]: rate("clear") });
}

/** Calls for so long, one request behind the other. */
async function rateOf(url: string, seconds: number): Promise<number> {
  const startedAt = performance.now();
  let done = 0;
  do {
    const response = await fetch(url, { method: "POST" });
    if (response.status !== 200) throw new Error(await response.text());
    done += CALLS;
  } while (performance.now() - startedAt < seconds * 1_000);
  return (done * 1_000) / (performance.now() - startedAt);
}
