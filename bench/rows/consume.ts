/** Messages of a stream through a function, beside a bare pull consumer of JetStream with batches of the same size. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Bench } from "../frame/bench.ts";
import { OURS, type Sample, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { type FilledStream, fillStream } from "../peers/filled-stream.ts";
import { startSystem } from "../system.ts";

const BARE = "bare pull consumer";
const BATCH = 100;

const countOf = (size: Size) => size(50_000, 5_000);

const rows = (size: Size) => ({
  rate: {
    name: `${countOf(size)} messages of a stream, in batches of ${BATCH}`,
    unit: "messages/s",
    targets: [{ atLeast: 0.5, of: BARE }],
  },
});

export const consume: Section = { rows, measure, needs: [] };

const CODE = `
export default {
  async queue(batch) {
    let sum = 0;
    for (const message of batch.messages) sum += message.json().number;
  },
};
`;

async function measure(bench: Bench): Promise<void> {
  const count = countOf(bench.size);
  bench.heading(`${count} messages through \`consume\`, in batches of ${BATCH}`);
  await using stack = new AsyncDisposableStack();
  const systems: Record<string, () => Promise<Sample>> = {};
  for (const [system, root] of Object.entries(bench.roots)) {
    const config = `consume: { stream: work, batch: { size: ${BATCH}, waitMs: 10 } }\n`;
    const functions = stack.use(await writeFunctions([{ name: "worker", code: CODE, config }]));
    const { nats } = stack.use(await startSystem([functions.folder], { root }));
    const stream = stack.use(await fillStream(nats, "work"));
    // The first messages start an instance, and compile the code.
    await stream.publish(BATCH);
    await stream.untilSettled("narun-worker");
    systems[system] = () => timeOurs(stream, count);
    if (system === OURS) systems[BARE] = () => timeBare(nats, stream, count);
  }
  await bench.takeTurns(rows(bench.size).rate, systems);
}

/** The messages are there before the function may read them. */
async function timeOurs(stream: FilledStream, count: number): Promise<Sample> {
  await stream.pause("narun-worker");
  await stream.publish(count);
  await stream.resume("narun-worker");
  // The server looks at waiting readers of a paused consumer only now and then.
  await stream.untilBegun("narun-worker", count);
  const startedAt = performance.now();
  await stream.untilSettled("narun-worker");
  return { value: (count * 1_000) / (performance.now() - startedAt) };
}

async function timeBare(nats: string, stream: FilledStream, count: number): Promise<Sample> {
  await stream.pause("narun-worker");
  await stream.empty();
  await stream.publish(count);
  const file = fileURLToPath(new URL("../peers/pull-consumer.ts", import.meta.url));
  const child = spawn(process.execPath, [file, nats, "work", String(BATCH), String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  child.stdin.write("go\n");
  const { value: took } = await lines.next();
  await stream.empty();
  await stream.resume("narun-worker");
  return { value: (count * 1_000) / Number(took) };
}
