/** Functions that are deployed and sleep: their memory, the start of the system, and the speed of the function that is used. */
import { setTimeout as pause } from "node:timers/promises";
import { median } from "../figures.ts";
import { type Bench, samplesOf } from "../frame/bench.ts";
import { OURS, type Sample, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeMany } from "../functions.ts";
import { load } from "../load.ts";
import { KIB, processesOf, residentMemory, sum } from "../processes.ts";
import { callCold, createAgent, timeRequest } from "../requests.ts";
import { watchSleep } from "../sleep-watch.ts";
import { makeDataDirs, startSystem } from "../system.ts";

const fewOf = (size: Size) => size(100, 20);
const manyOf = (size: Size) => size(3_000, 60);

const NONE = "no function";
const FEW = "few functions";
const ONE = "one function";

const rows = (size: Size) => {
  const asleep = `${manyOf(size)} functions asleep`;
  return {
    memory: {
      name: `${asleep}: gateway, runner and nats-server, for each above ${fewOf(size)}`,
      unit: "KiB",
      targets: [{ atMost: 8 }],
    },
    ready: { name: `${asleep}: start to ready`, unit: "ms", targets: [{ atMost: 1.3, of: NONE }] },
    warm: { name: `${asleep}: GET hello`, unit: "requests/s", targets: [{ atLeast: 0.95, of: ONE }] },
    cold: { name: `${asleep}: cold request, p50`, unit: "ms", targets: [{ atMost: 1.1, of: ONE }] },
  };
};

export const asleep: Section = { rows, measure, needs: ["Linux", "wrk"], isUnguarded: true };

async function measure(bench: Bench): Promise<void> {
  const many = manyOf(bench.size);
  bench.heading(`${many} functions asleep, ${bench.rounds} rounds`);
  await using stack = new AsyncDisposableStack();
  const dirs = stack.use(await makeDataDirs());
  const counts = bench.isQuick ? [0, 1, many] : [0, 1, fewOf(bench.size), many];
  for (const count of counts) await deploy(count, dirs.of(String(count)));
  await measureStarts(bench, (count) => dirs.of(String(count)));
  await measureRequests(bench, (count) => dirs.of(String(count)));
}

/** Fills a data folder with functions. */
async function deploy(count: number, dataDir: string): Promise<void> {
  await using functions = await writeMany(count);
  await using system = await startSystem(count === 0 ? [] : [functions.folder], { dataDir });
  const [failed] = system.failed;
  if (failed !== undefined) throw new Error(`${failed.function}: ${failed.message}`);
}

async function measureStarts(bench: Bench, dirOf: (count: number) => string): Promise<void> {
  const [few, many] = [fewOf(bench.size), manyOf(bench.size)];
  const settleMs = bench.size(8_000, 0);
  const startWith = (count: number) => async () => {
    await using system = await startSystem([], { dataDir: dirOf(count) });
    // The work of the start is over. The memory without a function is not asked for.
    if (count > 0) await pause(settleMs);
    return { readyMs: system.readyMs, bytes: memoryOf(system.pid) };
  };
  const { memory, ready } = rows(bench.size);
  const turns = await bench.inTurns(
    {
      [NONE]: startWith(0),
      ...(bench.isQuick ? {} : { [FEW]: startWith(few) }),
      [OURS]: startWith(many),
    },
    bench.longRounds,
  );
  const [ofFew = [], ofMany = []] = [turns.get(FEW), turns.get(OURS)];
  const perFunction = ofMany.map(({ bytes }, round) => ({
    value: (bytes - (ofFew[round]?.bytes ?? Number.NaN)) / (many - few) / KIB,
  }));
  if (bench.isQuick) bench.skip(memory, "so few do not stand out from the noise");
  else bench.record(memory, { [OURS]: perFunction });
  const starts = new Map([...turns].filter(([name]) => name !== FEW));
  bench.record(
    ready,
    samplesOf(starts, ({ readyMs }) => ({ value: readyMs })),
  );
}

/** The hosts are left out: no function has an instance. */
function memoryOf(up: number): number {
  const parts = [...processesOf(up)].filter(([role]) => role !== "host").flatMap(([, pids]) => pids);
  return sum(parts.map(residentMemory));
}

const CONNECTIONS = 32;

async function measureRequests(bench: Bench, dirOf: (count: number) => string): Promise<void> {
  const { warm, cold } = rows(bench.size);
  const seconds = bench.loadSeconds;
  const starts = bench.size(20, 6);
  await using stack = new AsyncDisposableStack();
  const agent = stack.use(createAgent());
  const open = async (count: number) => {
    const { http, nats } = stack.use(await startSystem([], { dataDir: dirOf(count) }));
    const watch = stack.use(await watchSleep(nats));
    const name = "many0";
    const url = `${http}/${name}`;
    // The first request brings the bundle to the node.
    await timeRequest(agent, url);
    await load({ url, connections: CONNECTIONS, seconds: bench.warmUpSeconds });
    return {
      async warm(): Promise<Sample> {
        const result = await load({ url, connections: CONNECTIONS, seconds });
        return { value: result.requestsPerSecond, errors: result.errors };
      },
      async cold(): Promise<Sample> {
        const latencies: number[] = [];
        for (let start = 0; start < starts; start++) {
          await watch.asleep(name);
          latencies.push(await callCold(agent, url));
        }
        return { value: median(latencies) };
      },
    };
  };
  const crowded = await open(manyOf(bench.size));
  const alone = await open(1);
  await bench.takeTurns(warm, { [OURS]: crowded.warm, [ONE]: alone.warm });
  await bench.takeTurns(cold, { [OURS]: crowded.cold, [ONE]: alone.cold });
}
