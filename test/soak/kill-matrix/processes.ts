/** A narun whose processes are killed: nats-servers, two node-runners with their hosts, and a gateway, each started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { firstLine } from "../../../bench/system.ts";
import { pushBuild } from "../../../control/index.ts";
import type { Nats } from "../../../nats/index.ts";
import { eventually } from "../../harness/eventually.ts";
import { buildSource } from "../../harness/function-source.ts";
import { keptPort } from "../../harness/kept-ports.ts";
import { startTestNode, type TestNode } from "../../harness/node-process.ts";
import { rolesOf } from "../processes.ts";
import type { Random } from "../random.ts";
import type { Victim } from "./kills.ts";
import { type ServerCount, startServers } from "./servers.ts";

export interface Narun extends AsyncDisposable {
  /** The base URL of the gateway: it stays. */
  readonly http: string;
  /** The tests' own connection to the server that is killed. */
  readonly connection: Nats;
  push(name: string, source: string, config: Record<string, unknown>): Promise<unknown>;
  /** Kills a process of this role. Resolves when another one has taken its place. False: there was none. */
  kill(victim: Victim, random: Random): Promise<boolean>;
}

const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));
const NODES = 2;
/** Upper bound of a start, on a machine that does much else. */
const START_MS = 240_000;

/** `onBack`: hears how long a process of this role was away that was killed. */
export async function startNarun(
  binary: string,
  servers: ServerCount,
  onBack: (victim: Victim, backMs: number) => void,
): Promise<Narun> {
  await using stack = new AsyncDisposableStack();
  const nats = await startServers(servers, binary, stack, onBack);
  const { connection } = nats;
  const cacheDir = await mkdtemp(join(tmpdir(), "narun-matrix-"));
  stack.defer(() => rm(cacheDir, { recursive: true, force: true }));
  let started = 0;
  const startNode = () => {
    started += 1;
    return startTestNode({ name: `node-${started}`, natsUrl: nats.url, cacheDir, onEnding: () => undefined });
  };
  const nodes: TestNode[] = await Promise.all(Array.from({ length: NODES }, startNode));
  stack.defer(async () => void (await Promise.all(nodes.map((node) => node.kill9()))));
  let gateway = await startGateway(nats.url, `127.0.0.1:${await keptPort()}`);
  stack.defer(() => endGateway(gateway.child));
  const { http } = gateway;
  const hosts = () => nodes.flatMap(({ pid }) => rolesOf(pid).host);

  const kills: Record<Victim, (random: Random) => Promise<boolean>> = {
    async host(random) {
      const victims = hosts();
      const victim = victims[random.between(0, Math.max(0, victims.length - 1))];
      if (victim !== undefined) process.kill(victim, "SIGKILL");
      return victim !== undefined;
    },
    async runner(random) {
      const at = random.between(0, nodes.length - 1);
      const [victim] = nodes.splice(at, 1);
      const from = performance.now();
      await victim?.kill9();
      nodes.push(await eventually(startNode, { timeoutMs: START_MS }));
      onBack("runner", performance.now() - from);
      return victim !== undefined;
    },
    async gateway() {
      const from = performance.now();
      await endGateway(gateway.child);
      const again = () => startGateway(nats.url, new URL(http).host);
      gateway = await eventually(again, { timeoutMs: START_MS });
      onBack("gateway", performance.now() - from);
      return true;
    },
    async "nats-server"(random) {
      await nats.kill(random);
      return true;
    },
  };
  const ending = stack.move();
  return {
    http,
    connection,
    push: async (name, source, config) => pushBuild(connection, await buildSource(name, source, config)),
    kill: (victim, random) => kills[victim](random),
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

async function startGateway(
  natsUrl: string,
  address: string,
): Promise<{ child: ChildProcess; http: string }> {
  const args = ["gateway", "--nats", natsUrl, "--http", address, "--grpc", "127.0.0.1:0", "--metrics"];
  const child = spawn(process.execPath, [main, ...args, "127.0.0.1:0", "--json", "--log-level", "error"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  return { child, ...(JSON.parse(await firstLine(child)) as { http: string }) };
}

async function endGateway(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
