/**
 * Traces that are configured and record nothing, beside none. The CPU time of a request is compared, as the rate differs by more than
 * a hundredth from round to round.
 */
import type { Bench, Turns } from "../frame/bench.ts";
import { OURS, type Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { cpuByRole, sum } from "../processes.ts";
import { startSystem } from "../system.ts";
import { type LoadKind, loads, type Measured, type Servers, warmUpAll } from "./warm-servers.ts";

const GET_HELLO: LoadKind = { path: "/hello", connections: 32 };

/** The system that never heard of a collector. */
const NEVER = "never configured";

/** Nothing listens there, and nothing is sent. */
const COLLECTOR = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };

const SYSTEMS: Readonly<Record<string, Record<string, string>>> = {
  [NEVER]: {},
  always_off: { ...COLLECTOR, OTEL_TRACES_SAMPLER: "always_off" },
  "ratio 0": { ...COLLECTOR, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" },
};

/** More than elsewhere: the target is a hundredth. */
const ROUNDS = 15;

const rowOf = (sampler: string) => ({
  name: `GET hello, traces by ${sampler}: CPU time of a request`,
  unit: "µs",
  targets: [{ atMost: 1.01, of: NEVER }],
});

const rows = () => ({ off: rowOf("always_off"), ratio: rowOf("ratio 0") });

export const tracesOff: Section = { rows, measure, needs: ["Linux", "wrk"], isUnguarded: true };

async function measure(bench: Bench): Promise<void> {
  const rounds = bench.isQuick ? bench.rounds : ROUNDS;
  bench.heading(`traces that record nothing, ${rounds} rounds of ${bench.loadSeconds} s in turns`);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(await writeFunctions([{ name: "hello", code: HELLO, config: "" }]));
  const started = await Promise.all(
    Object.entries(SYSTEMS).map(async ([name, env]) => {
      const { http, pid } = stack.use(await startSystem([functions.folder], { env }));
      return [name, { http, cpu: () => cpuByRole(pid) }] as const;
    }),
  );
  const servers: Servers = Object.fromEntries(started);
  await warmUpAll(GET_HELLO, servers, bench.warmUpSeconds);
  const turns = await bench.inTurns(loads(GET_HELLO, servers, bench.loadSeconds), rounds);
  const { off, ratio } = rows();
  bench.record(off, { [OURS]: samples(turns, "always_off"), [NEVER]: samples(turns, NEVER) });
  bench.record(ratio, { [OURS]: samples(turns, "ratio 0"), [NEVER]: samples(turns, NEVER) });
}

function samples(turns: Turns<Measured>, system: string): Sample[] {
  return (turns.get(system) ?? []).map(({ cpuOf, requests, errors }) => ({
    value: (sum([...cpuOf.values()]) * 1_000) / requests,
    errors,
  }));
}
