/** Small requests to instances that run: a text, JSON, and one request after the other. Also the CPU time that each takes. */
import { type Bench, samplesOf, type Turns } from "../frame/bench.ts";
import { OURS, type Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { sum } from "../processes.ts";
import {
  type LoadKind,
  loads,
  type Measured,
  OVER_NATS,
  PLAIN,
  type Servers,
  startServers,
  warmUpAll,
} from "./warm-servers.ts";

const CONNECTIONS = 32;

const GET_HELLO: LoadKind = { path: "/hello", connections: CONNECTIONS };
const POST_JSON: LoadKind = {
  path: "/json",
  connections: CONNECTIONS,
  body: JSON.stringify({ id: 1_234_567_890_123 }),
  headers: { "Content-Type": "application/json", "X-Request-Id": "4bf92f3577b34da6" },
};
const ONE_BY_ONE: LoadKind = { path: "/hello", connections: 1 };

const rows = () => {
  const oneMachine = (name: string) => ({
    name: `${name}, one machine`,
    unit: "requests/s",
    targets: [{ atLeast: 2, of: "workerd", behind: 1.4 }],
  });
  const overNats = (name: string) => ({
    name: `${name}, over NATS`,
    unit: "requests/s",
    targets: [
      { atLeast: 1, of: "workerd", behind: 1.5 },
      { atLeast: 0.9, of: "relay" },
    ],
  });
  const cpu = (name: string) => ({ name: `${name}: CPU time of a request`, unit: "µs", targets: [] });
  return {
    hello: oneMachine("GET hello"),
    p99: { name: "GET hello, one machine, p99", unit: "ms", targets: [{ atMost: 1, of: "workerd" }] },
    helloOverNats: overNats("GET hello"),
    helloCpu: cpu("GET hello, one machine"),
    helloOverNatsCpu: cpu("GET hello, over NATS"),
    json: oneMachine("POST JSON"),
    jsonOverNats: overNats("POST JSON"),
    jsonCpu: cpu("POST JSON, one machine"),
    jsonOverNatsCpu: cpu("POST JSON, over NATS"),
    single: {
      name: "one connection, p50, one machine",
      unit: "ms",
      targets: [{ atMost: 1, of: "workerd", behind: 2 }],
    },
    singleOverNats: {
      name: "one connection, p50, over NATS",
      unit: "ms",
      targets: [{ atMost: 1.3, of: "relay" }],
    },
  };
};

export const warm: Section = { rows, measure, needs: ["Linux", "wrk"] };

async function measure(bench: Bench): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const servers = await startServers(bench, stack);
  const { [PLAIN]: plain, ...peers } = servers;
  const seconds = bench.loadSeconds;
  const row = rows();
  const measureAll = (kind: LoadKind, of: Servers) => bench.inTurns(loads(kind, of, seconds));

  bench.heading(`warm requests, ${CONNECTIONS} connections, ${bench.rounds} rounds of ${seconds} s in turns`);
  await warmUpAll(GET_HELLO, servers, bench.warmUpSeconds);
  await bench.part("GET hello", async () => {
    const hello = await measureAll(GET_HELLO, servers);
    bench.record(row.hello, samplesOf(onOneMachine(hello), rate));
    const p99 = samplesOf(onOneMachine(hello), ({ p99Ms, errors }) => ({ value: p99Ms, errors }));
    if (bench.isQuick) bench.skip(row.p99, "one collection of V8 is a hundredth of so short a round");
    else bench.record(row.p99, p99);
    bench.record(row.helloOverNats, samplesOf(overNats(hello), rate));
    bench.record(row.helloCpu, cpuSamples(onOneMachine(hello)));
    bench.record(row.helloOverNatsCpu, cpuSamples(overNats(hello)));
  });
  await warmUpAll(POST_JSON, peers, bench.warmUpSeconds);
  await bench.part("POST JSON", async () => {
    const json = await measureAll(POST_JSON, peers);
    bench.record(row.json, samplesOf(onOneMachine(json), rate));
    bench.record(row.jsonOverNats, samplesOf(overNats(json), rate));
    bench.record(row.jsonCpu, cpuSamples(onOneMachine(json)));
    bench.record(row.jsonOverNatsCpu, cpuSamples(overNats(json)));
  });

  bench.heading(`one connection, ${bench.rounds} rounds of ${seconds} s in turns`);
  await bench.part("one connection", async () => {
    const single = await measureAll(ONE_BY_ONE, peers);
    bench.record(row.single, samplesOf(onOneMachine(single), p50));
    bench.record(row.singleOverNats, samplesOf(overNats(single), p50));
  });
}

const rate = ({ requestsPerSecond, errors }: Measured): Sample => ({ value: requestsPerSecond, errors });
const p50 = ({ p50Ms, errors }: Measured): Sample => ({ value: p50Ms, errors });

/** Without the systems that go over NATS. */
function onOneMachine(turns: Turns<Measured>): Turns<Measured> {
  return new Map([...turns].filter(([name]) => name !== OVER_NATS && name !== "relay"));
}

/** The system over NATS takes the name that the targets judge. The checkout beside has no other way. */
function overNats(turns: Turns<Measured>): Turns<Measured> {
  const others = [...turns].filter(([name]) => ![OURS, OVER_NATS, PLAIN].includes(name));
  return new Map([[OURS, turns.get(OVER_NATS) ?? []], ...others]);
}

/** Microseconds of CPU for each request, by process. The load maker is apart. */
function cpuSamples(turns: Turns<Measured>): Record<string, Sample[]> {
  const ours = turns.get(OURS) ?? [];
  const roles = new Set(ours.flatMap(({ cpuOf }) => [...cpuOf.keys()]));
  const perRequest = (ms: number, { requests }: Measured) => ({ value: (ms * 1_000) / requests });
  const byRole = [...roles]
    .map((role) => ({ role, samples: ours.map((one) => perRequest(one.cpuOf.get(role) ?? 0, one)) }))
    .filter(({ samples }) => samples.some(({ value }) => value > 0))
    .map(({ role, samples }) => [role, samples]);
  const maker = ours.map((one) => perRequest(one.cpuMs, one));
  const peers = [...turns]
    .filter(([name]) => name !== OURS)
    .map(([name, measured]) => [name, measured.map((one) => perRequest(sum([...one.cpuOf.values()]), one))]);
  return Object.fromEntries([...byRole, ["wrk", maker], ...peers]);
}
