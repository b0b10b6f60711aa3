/**
 * The fuzz of HTTP connections in its long form: `npm run fuzz:http -- [COUNT] [--seed N]`. One half goes to `narun up`, the
 * other to a `narun gateway` beside it. The seed is printed; the same one makes the same connections.
 *
 * It ends with 1 where a connection does not get what it must, a process ends, or one holds more memory or descriptors
 * than before.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { end, firstLine, HERE, startSystem } from "../../bench/system.ts";
import { type Holdings, holdingsOf, type Role, rolesOf } from "../soak/processes.ts";
import { printHoldings, say } from "../soak/report.ts";
import { FUNCTIONS } from "./functions.ts";
import { playAll } from "./run.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: String(Date.now() % 1_000_000) } },
});
const count = Number(positionals[0] ?? 50_000);
const seed = Number(values.seed);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  process.stderr.write("COUNT takes a whole number above 0, --seed a whole number\n");
  process.exit(2);
}

/** How many connections are played before holdings are taken: code is compiled, pools have grown. */
const WARM_UP = 5_000;
/** From the last connection until memory was collected, and what was closed last is gone. */
const SETTLE_MS = 15_000;

const folder = await mkdtemp(join(tmpdir(), "narun-fuzz-"));
await using system = await startSystem(await writeFunctions(folder));
const gateway = spawn(
  process.execPath,
  [
    ...[join(HERE, "bin/narun.cjs"), "gateway", "--nats", system.nats, "--json", "--log-level", "warn"],
    ...["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--lame-duck", "0s"],
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
const { http } = JSON.parse(await firstLine(gateway)) as { http: string };
say(`seed ${seed}, ${count} connections, narun up in process ${system.pid}, narun gateway in ${gateway.pid}`);

const running = rolesOf(system.pid);
const play = async (from: number, to: number) => {
  const urls = [system.http, http] as const;
  await playAll({ urls, seed, from, to, onPlayed: (id) => void (id % 10_000 === 0 && say(`${id}`)) });
};
const settledHoldings = async () => {
  await sleep(SETTLE_MS);
  return { up: holdingsOf(system.pid), alone: holdingsOf(gateway.pid ?? 0) };
};

try {
  await play(0, Math.min(count, WARM_UP));
  const before = await settledHoldings();
  await play(Math.min(count, WARM_UP), count);
  const after = await settledHoldings();
  const isWell = [
    printEnded(gateway, running),
    printHoldings(before.up, after.up),
    printHoldings(gatewayOf(before.alone), gatewayOf(after.alone)),
  ].every(Boolean);
  process.exitCode = isWell ? 0 : 1;
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  printEnded(gateway, running);
  process.exitCode = 1;
} finally {
  await end(gateway);
  await rm(folder, { recursive: true, force: true });
}

/** Says which processes have ended; returns whether none has. */
function printEnded(gateway: ChildProcess, before: Record<Role, readonly number[]>): boolean {
  const after = gateway.exitCode === null && gateway.signalCode === null ? rolesOf(system.pid) : undefined;
  if (after === undefined) say("narun gateway has ended");
  const ended = Object.entries(before).flatMap(([role, pids]) =>
    pids.filter((pid) => !after?.[role as Role].includes(pid)).map((pid) => `${role} ${pid}`),
  );
  if (after !== undefined && ended.length > 0) say(`ended: ${ended.join(", ")}`);
  return after !== undefined && ended.length === 0;
}

function gatewayOf({ gateway }: Record<Role, Holdings>): Record<"gateway", Holdings> {
  return { gateway };
}

async function writeFunctions(root: string): Promise<string[]> {
  // A function stands for the service that narun did not start.
  const all = { ...FUNCTIONS, ...(FUNCTIONS.fn && { whole: FUNCTIONS.fn }) };
  return await Promise.all(
    Object.entries(all).map(async ([name, { source, config }]) => {
      const path = join(root, name);
      await mkdir(path);
      await writeFile(join(path, "index.js"), source);
      await writeFile(join(path, "narun.yaml"), JSON.stringify({ name, entry: "index.js", ...config }));
      return path;
    }),
  );
}
