/**
 * The fuzz of HTTP connections in its long form: `npm run fuzz:http -- [COUNT] [--seed N]`. One half goes to `narun up`, the
 * other to a `narun gateway` beside it. The seed is printed. The same seed makes the same connections.
 *
 * It exits with 1 if a connection gets a wrong answer, a process ends, or a process holds more memory or descriptors than
 * before.
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

/** How many connections there are between two samples. Memory changes with each collection: the lowest sample is compared. */
const SAMPLE_EVERY = 500;
/** Upper bound of the growth between the lowest samples. Heaps differ by a third from run to run. */
const GROWTH = 1.5;
/** How long after the last connection memory is collected and the last resources are released. */
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
type Roles = Role | "gateway alone";
const holdings = (): Record<Roles, Holdings> => ({
  ...holdingsOf(system.pid),
  "gateway alone": holdingsOf(gateway.pid ?? 0).gateway,
});

/** Plays some of the connections. Resolves with the least that each process held during and after them. */
async function play(from: number, to: number): Promise<Record<Roles, Holdings>> {
  const samples: Record<Roles, Holdings>[] = [];
  const onPlayed = (id: number) => {
    if (id % 10_000 === 0) say(`connection ${id}`);
    if (id % SAMPLE_EVERY === 0) samples.push(holdings());
  };
  await playAll({ urls: [system.http, http], seed, from, to, onPlayed });
  await sleep(SETTLE_MS);
  const last = holdings();
  const least = (role: Roles): Holdings => ({
    memoryBytes: Math.min(...[...samples, last].map((sample) => sample[role].memoryBytes)),
    descriptors: last[role].descriptors,
  });
  const roles = Object.keys(last) as Roles[];
  return Object.fromEntries(roles.map((role) => [role, least(role)])) as Record<Roles, Holdings>;
}

try {
  // Warms up: code is compiled, and pools grow.
  await playAll({ urls: [system.http, http], seed, from: 0, to: Math.ceil(count / 5) });
  const before = await play(Math.ceil(count / 5), Math.ceil((3 * count) / 5));
  const after = await play(Math.ceil((3 * count) / 5), count);
  const isWell = [printEnded(gateway, running), printHoldings(before, after, GROWTH)].every(Boolean);
  process.exitCode = isWell ? 0 : 1;
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  printEnded(gateway, running);
  process.exitCode = 1;
} finally {
  await end(gateway);
  await rm(folder, { recursive: true, force: true });
}

/** Reports ended processes. Returns whether all of them still run. */
function printEnded(gateway: ChildProcess, before: Record<Role, readonly number[]>): boolean {
  const after = gateway.exitCode === null && gateway.signalCode === null ? rolesOf(system.pid) : undefined;
  if (after === undefined) say("narun gateway has ended");
  const ended = Object.entries(before).flatMap(([role, pids]) =>
    pids.filter((pid) => !after?.[role as Role].includes(pid)).map((pid) => `${role} ${pid}`),
  );
  if (after !== undefined && ended.length > 0) say(`ended: ${ended.join(", ")}`);
  return after !== undefined && ended.length === 0;
}

async function writeFunctions(root: string): Promise<string[]> {
  // A function replaces the service that narun did not start.
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
