/**
 * Traces that are configured and off, and traces of which few are recorded, beside none. The CPU time of a request is compared, as the rate differs by more than
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

/** One trace in ten thousand is recorded. All have ids, and the field for the function. */
const FEW = "1 in 10,000";

/** Nothing listens there, and nothing is sent. */
const COLLECTOR = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };

const SYSTEMS: Readonly<Record<string, Record<string, string>>> = {
  [NEVER]: {},
  always_off: { ...COLLECTOR, OTEL_TRACES_SAMPLER: "always_off" },
  [FEW]: { ...COLLECTOR, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.0001" },
};

/** More than elsewhere: the target is a hundredth. */
const ROUNDS = 15;

const rows = () => ({
  off: {
    name: "GET hello, traces by always_off: CPU time for each",
    unit: "µs",
    targets: [{ atMost: 1.01, of: NEVER }],
  },
  few: { name: "GET hello, 1 trace in 10,000 recorded: CPU time for each", unit: "µs", targets: [] },
});

export const tracesOff: Section = { rows, measure, needs: ["Linux", "wrk"], isUnguarded: true };

async function measure(bench: Bench): Promise<void> {
  const rounds = bench.isQuick ? bench.rounds : ROUNDS;
  bench.heading(`traces that are off, ${rounds} rounds of ${bench.loadSeconds} s in turns`);
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
  const { off, few } = rows();
  bench.record(off, { [OURS]: samples(turns, "always_off"), [NEVER]: samples(turns, NEVER) });
  bench.record(few, { [OURS]: samples(turns, FEW), [NEVER]: samples(turns, NEVER) });
}

function samples(turns: Turns<Measured>, system: string): Sample[] {
  return (turns.get(system) ?? []).map(({ cpuOf, requests, errors }) => ({
    value: (sum([...cpuOf.values()]) * 1_000) / requests,
    errors,
  }));
}
