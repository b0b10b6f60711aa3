/** Requests to a program (`mode: exec`) through its door to NATS, beside those to the same program at NATS itself. */
import { askBare, BARE, startBare } from "../bare-requests.ts";
import type { Bench } from "../frame/bench.ts";
import { OURS, type Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { startSystem } from "../system.ts";

const AT_ONCE = 32;
const NAME = "adder";

const rows = () => ({
  rate: {
    name: `requests to a program through its door, ${AT_ONCE} at a time`,
    unit: "requests/s",
    targets: [],
  },
});

export const door: Section = { rows, measure, needs: [], isUnguarded: true };

/** That of peers/bare-request.ts, and the answer to `PING` by which its node knows that it is ready. */
const PROGRAM = `#!${process.execPath}
import { createRequire } from "node:module";
const require = createRequire(${JSON.stringify(import.meta.url)});
const { connect } = require("@nats-io/transport-node");
const { Svcm } = require("@nats-io/services");
const nats = await connect({ servers: process.env.NATS_URL });
const service = await new Svcm(nats).add({ name: "${NAME}", version: "1.0.0" });
service.addEndpoint("add", { subject: "${NAME}", handler(_error, message) {
  const { a, b } = message.json();
  message.respond(JSON.stringify({ sum: a + b }));
} });
`;
const CONFIG = "mode: exec\ncommand: server.mjs\nscale: { min: 1, max: 1, idleSeconds: 600 }\n";

async function measure(bench: Bench): Promise<void> {
  bench.heading(`requests to a program, ${AT_ONCE} at a time`);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(
    await writeFunctions([{ name: NAME, code: "", config: CONFIG, files: { "server.mjs": PROGRAM } }]),
  );
  const load = { atOnce: AT_ONCE, seconds: bench.loadSeconds };
  const systems: Record<string, () => Promise<Sample>> = {};
  for (const [system, root] of Object.entries(bench.roots)) {
    const { nats, failed } = stack.use(await startSystem([functions.folder], { root }));
    if (failed.length > 0) throw new Error(JSON.stringify(failed));
    const ask = () => askBare(nats, NAME, load);
    await askBare(nats, NAME, { ...load, seconds: bench.warmUpSeconds });
    systems[system] = ask;
    if (system === OURS) systems[BARE] = await startBare(stack, nats, load);
  }
  await bench.takeTurns(rows().rate, systems);
}
