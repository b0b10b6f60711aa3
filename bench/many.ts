/**
 * Many functions in one `narun up`: the time of the start, the peak of resident memory, and the consumers that stay in the
 * server. `npm run bench:many -- 3000`.
 */
import { connectNats } from "../nats/index.ts";
import { countConsumers } from "../test/harness/consumers.ts";
import { heading, print } from "./figures.ts";
import { writeFunctions } from "./functions.ts";
import { childrenOf, MIB, peakMemory, residentMemory, roleOf } from "./processes.ts";
import { startSystem } from "./system.ts";

const count = Number(process.argv[2] ?? 3_000);
const names = Array.from({ length: count }, (_, index) => `f${index}`);
await using functions = await writeFunctions(
  names.map((name) => ({ name, code: answering(name), config: "" })),
);
const before = await consumersOfNone();
await using system = await startSystem([functions.folder]);
const sample = names.filter((_, index) => index % Math.ceil(count / 100) === 0);
let answered = 0;
for (const name of sample) {
  const response = await fetch(`${system.http}/${name}`, { signal: AbortSignal.timeout(30_000) });
  if ((await response.text()) === name) answered += 1;
}

heading(`${count} functions in one narun up`);
print("ready after", `${(system.readyMs / 1_000).toFixed(1)} s`);
print("failed", `${system.failed.length} ${system.failed[0]?.message ?? ""}`);
print("answers of a sample", `${answered} of ${sample.length}`);
print("consumers", `${await consumersOf(system.nats)} (with no function: ${before})`);
for (const pid of [system.pid, ...childrenOf(system.pid)])
  print(roleOf(pid, system.pid), `${mib(peakMemory(pid))} at its highest, now ${mib(residentMemory(pid))}`);

function answering(text: string): string {
  return `export default () => new Response(${JSON.stringify(text)});\n`;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

/** The consumers of a world without functions. */
async function consumersOfNone(): Promise<string> {
  await using empty = await startSystem([]);
  return await consumersOf(empty.nats);
}

async function consumersOf(url: string): Promise<string> {
  const nats = await connectNats({ url, name: "bench" });
  try {
    return (await countConsumers(nats)).join(", ");
  } finally {
    await nats.close();
  }
}
