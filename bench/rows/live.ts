/** Many instances that all run: their start, their memory, and the rate of requests beside a system with one. */
import { inUnit } from "../figures.ts";
import { type Bench, NO_TARGET } from "../frame/bench.ts";
import { OURS, type Sample, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeMany } from "../functions.ts";
import { load } from "../load.ts";
import { MIB, processesOf, residentMemory, sum } from "../processes.ts";
import { keptPush, pushMany } from "../pushed-many.ts";
import { createAgent, timeRequest } from "../requests.ts";
import { type System, startSystem } from "../system.ts";

const countOf = (size: Size) => size(1_000, 300);

const ONE = "one isolate";
const CONNECTIONS = 32;

/** How long an instance waits for its next request: longer than the section. */
export const LIVE_SECONDS = 3_600;

const rows = (size: Size) => {
  const live = `${countOf(size)} live isolates`;
  return {
    failed: { name: `${live}: starts that failed`, unit: "", targets: [{ atMost: 0 }] },
    memory: { name: `${live}: hosts, resident, for each`, unit: "MiB", targets: [{ atMost: 3 }] },
    warm: { name: `${live}: GET hello of one`, unit: "requests/s", targets: [{ atLeast: 0.8, of: ONE }] },
    each: { name: `${live}: GET hello of each in turn`, unit: "requests/s", targets: [] },
  };
};

export const live: Section = { rows, measure, needs: ["Linux", "wrk"] };

async function measure(bench: Bench): Promise<void> {
  const { failed, memory, warm, each } = rows(bench.size);
  const count = countOf(bench.size);
  bench.heading(`${count} live isolates of one node`);
  await using stack = new AsyncDisposableStack();
  const many = keptPush(bench, count) ?? stack.use(await pushMany(count, { idleSeconds: LIVE_SECONDS }));
  const one = stack.use(await writeMany(1, LIVE_SECONDS));
  const alone = stack.use(await startSystem([one.folder]));
  const crowded = stack.use(await startSystem([], { dataDir: many.dataDir }));
  const startedAt = performance.now();
  const failures = await startAll(crowded, many.names);
  bench.print(`start of ${count}`, inUnit((performance.now() - startedAt) / 1_000, "s"));
  bench.record(failed, { [OURS]: [{ value: failures }] });
  const hosts = processesOf(crowded.pid).get("host") ?? [];
  bench.record(memory, { [OURS]: [{ value: sum(hosts.map(residentMemory)) / count / MIB }] });

  const seconds = bench.loadSeconds;
  const loadOf =
    ({ http }: System, paths: readonly string[]) =>
    async (): Promise<Sample> => {
      const result = await load({ url: http, connections: CONNECTIONS, seconds, paths });
      return { value: result.requestsPerSecond, errors: result.errors };
    };
  const [path, ...others] = many.names.map((name) => `/${name}`);
  if (path === undefined) throw new Error("no function");
  for (const { http } of [crowded, alone])
    await load({ url: `${http}${path}`, connections: CONNECTIONS, seconds: bench.warmUpSeconds });
  await bench.part("requests to one of them", () =>
    bench.takeTurns(warm, { [OURS]: loadOf(crowded, [path]), [ONE]: loadOf(alone, [path]) }),
  );
  if (bench.isQuick) bench.skip(each, NO_TARGET);
  else await bench.takeTurns(each, { [OURS]: loadOf(crowded, [path, ...others]) });
}

/** Number of requests at a time while the instances start. */
const AT_A_TIME = 8;

/** Sends one request to each function. Resolves with the number of failures. */
async function startAll({ http, failed }: System, names: readonly string[]): Promise<number> {
  using agent = createAgent();
  let failures = failed.length;
  const left = names.values();
  const startInTurn = async () => {
    for (const name of left)
      await timeRequest(agent, `${http}/${name}`).catch(() => {
        failures += 1;
      });
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, startInTurn));
  return failures;
}
