/** Messages of a stream through a function, beside a bare pull consumer of JetStream with batches of the same size. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Bench } from "../frame/bench.ts";
import { OURS, type Sample, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { type FilledStream, fillStream } from "../peers/filled-stream.ts";
import { startSystem, timeCli } from "../system.ts";

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
  const idle = stack.use(await writeFunctions([{ name: "idle", code: HELLO, config: "" }]));
  const config = `consume: { stream: work, batch: { size: ${BATCH}, waitMs: 10 } }\n`;
  const worker = stack.use(await writeFunctions([{ name: "worker", code: CODE, config }]));
  const systems: Record<string, () => Promise<Sample>> = {};
  for (const [system, root] of Object.entries(bench.roots)) {
    const { nats } = stack.use(await startSystem([idle.folder], { root }));
    const stream = stack.use(await fillStream(nats, "work"));
    systems[system] = async () => {
      const sample = await timeAcks(stream, count, () => timeCli(["push", worker.folder], nats, root));
      await timeCli(["rm", "worker"], nats, root);
      return sample;
    };
    if (system === OURS) systems[BARE] = () => timeAcks(stream, count, () => readBare(nats, count));
  }
  await bench.takeTurns(rows(bench.size).rate, systems);
}

/** The messages are there before the reader. The time is that from the first to the last ack, so that no start counts. */
async function timeAcks(stream: FilledStream, count: number, read: () => Promise<unknown>): Promise<Sample> {
  await stream.empty();
  await stream.publish(count);
  const acks = stream.watchAcks(count);
  const [tookMs] = await Promise.all([acks, read()]);
  return { value: (count * 1_000) / tookMs };
}

async function readBare(nats: string, count: number): Promise<void> {
  const file = fileURLToPath(new URL("../peers/pull-consumer.ts", import.meta.url));
  const args = [file, nats, "work", String(BATCH), String(count)];
  await once(spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] }), "exit");
}
