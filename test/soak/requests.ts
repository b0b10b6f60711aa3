/**
 * A long run against `narun up`, with everything at once: `npm run soak -- [--minutes N] [--seed N] [--no-faults]`.
 *
 * Clients send GETs and POSTs with checked bodies without a pause, read and write objects in parallel, and call functions that
 * fall asleep. One function is pushed again and again. Hosts, the node-runner and nats-server are killed (SIGKILL) by a
 * printed seed. The run exits with 1 if a body was wrong, a request hung, a failure was avoidable, a POST began twice, or a
 * process holds more than before. `ledger.ts` defines these terms.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startSystem, timeCli } from "../../bench/system.ts";
import { connectNats } from "../../nats/index.ts";
import { startClients } from "./clients.ts";
import { injectFaults, passes } from "./faults.ts";
import { BEGUN_SUBJECT, writeFunctions, writeVersion } from "./functions.ts";
import { decideVerdict, type Exchange, type Fault } from "./ledger.ts";
import { type Holdings, holdingsOf, type Role } from "./processes.ts";
import { createRandom } from "./random.ts";
import { holdsNoMore, printExchanges, printHoldings, printVerdict, say } from "./report.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    "no-faults": { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isInteger(seed)) {
  process.stderr.write("--minutes takes a number above 0, --seed a whole number\n");
  process.exit(2);
}

/** How long the load runs without faults before holdings are measured. */
const CALM_LOAD_MS = Math.min(30_000, minutes * 15_000);
/** How long the load runs after the last fault: functions from dead hosts return to a common host within a minute. */
const CALM_AFTER_FAULTS_MS = Math.max(CALM_LOAD_MS, 75_000);
/** How long after the last request idle instances end and memory is collected. */
const SETTLE_MS = 15_000;
/** Upper bound of the wait for memory: the runtime of Go collects an idle server every two minutes. */
const LONGEST_SETTLE_MS = 300_000;
const PUSH_EVERY_MS = 5_000;

const folder = await mkdtemp(join(tmpdir(), "narun-soak-"));
const folders = await writeFunctions(folder);
await using system = await startSystem(folders);
const nats = await connectNats({ url: system.nats, name: "soak" });
/** The beginnings of each request. A message that NATS delivers twice has one beginning. */
const beginnings = new Map<string, Set<string>>();
nats.subscribe(BEGUN_SUBJECT, (message) => {
  const [id = "", beginning = ""] = message.text().split(" ");
  beginnings.set(id, (beginnings.get(id) ?? new Set()).add(beginning));
});

const random = createRandom(seed);
const exchanges: Exchange[] = [];
const faults: Fault[] = [];
const versions = new Set([0]);
say(`seed ${seed}, ${minutes} minutes, narun up in process ${system.pid}`);

async function loadFor(ms: number): Promise<void> {
  const onExchange = (exchange: Exchange) => void exchanges.push(exchange);
  const clients = startClients({ http: system.http, random, versions, onExchange });
  await sleep(ms);
  await clients.stop();
}

async function settledHoldings() {
  await sleep(SETTLE_MS);
  return holdingsOf(system.pid);
}

/** Resolves with the holdings when no role holds more than `before`, or with the last ones after `LONGEST_SETTLE_MS`. */
async function holdingsOnceBack(before: Record<Role, Holdings>): Promise<Record<Role, Holdings>> {
  const endsAt = performance.now() + LONGEST_SETTLE_MS;
  for (;;) {
    const now = await settledHoldings();
    const areBack = Object.entries(before).every(([role, one]) => holdsNoMore(one, now[role as Role]));
    if (areBack || performance.now() > endsAt) return now;
  }
}

/** Pushes the next version again and again. The previous version may still answer while a push is under way. */
async function pushVersions(signal: AbortSignal): Promise<void> {
  for (let version = 1; await passes(PUSH_EVERY_MS, signal); version += 1) {
    const before = [...versions];
    versions.add(version);
    const pushed = await writeVersion(folder, version)
      .then((path) => timeCli(["push", path], system.nats))
      .catch(() => undefined);
    // A failed push may have gone live.
    if (pushed !== undefined) for (const old of before) versions.delete(old);
  }
}

await loadFor(CALM_LOAD_MS);
const before = await settledHoldings();
say(`calm load: ${exchanges.length} requests`);

const ending = new AbortController();
const disturbing = Promise.all([
  pushVersions(ending.signal),
  values["no-faults"]
    ? undefined
    : injectFaults(system.pid, random, ending.signal, (fault) => {
        faults.push(fault);
        say(`kill -9 of ${fault.what}`);
      }),
]);
await Promise.all([loadFor(minutes * 60_000), sleep(minutes * 60_000).then(() => ending.abort())]);
await disturbing;
await loadFor(values["no-faults"] ? CALM_LOAD_MS : CALM_AFTER_FAULTS_MS);
const after = await holdingsOnceBack(before);

const begun = new Map([...beginnings].map(([id, { size }]) => [id, size]));
const verdict = decideVerdict(exchanges, faults, begun);
printExchanges(verdict, faults);
const isWell = [printVerdict(verdict), printHoldings(before, after)].every(Boolean);
await nats.close();
await rm(folder, { recursive: true, force: true });
process.exitCode = isWell ? 0 : 1;
