/**
 * Three of everything: a nats-server, a gateway and a node-runner at each place, all in processes of their own.
 * Each knows all servers, for its start, and its own first.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { jetstreamManager, type PeerInfo } from "@nats-io/jetstream";
import { firstLine } from "../../../bench/system.ts";
import { connectNats, type Nats } from "../../../nats/index.ts";
import { eventually } from "../../harness/eventually.ts";
import { type NatsCluster, startNatsCluster } from "../../harness/nats-cluster.ts";
import { startTestNode, type TestNode } from "../../harness/node-process.ts";
import { rolesOf } from "../processes.ts";

const BEGIN_MS = 60_000;
const WHOLE_MS = 60_000;
const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

export interface Places extends AsyncDisposable {
  readonly cluster: NatsCluster;
  readonly connection: Nats;
  /** The base URL of the gateway at each place. They stay. */
  readonly urls: readonly string[];
  /** Kills a node-runner, its hosts with it where the machine is meant, and starts one of its name. */
  replaceNode(index: number, withHosts: boolean): Promise<void>;
  /** Kills a gateway, and starts another one at its address. */
  replaceGateway(index: number): Promise<void>;
  /** Kills the host processes of a node: the runner starts others. */
  killHosts(index: number): void;
  /** Resolves when all servers see each other, and every stream has its copies. */
  untilWhole(): Promise<void>;
}

interface GatewayProcess {
  child: ChildProcess;
  http: string;
}

export async function startPlaces(binary: string, cacheDir?: string): Promise<Places> {
  await using closers = new AsyncDisposableStack();
  const cluster = closers.use(await startNatsCluster({ binary }));
  const folder = await mkdtemp(join(tmpdir(), "narun-soak-cluster-"));
  closers.defer(() => rm(folder, { recursive: true, force: true }));
  // Copies as they are wanted, also where a server has not said yet that it is there.
  const options = { url: cluster.urls("n0"), name: "soak", copies: 3 };
  const connection = await eventually(() => connectNats(options), { timeoutMs: BEGIN_MS });
  closers.defer(() => connection.close());
  const nodes: TestNode[] = [];
  const startNode = async (index: number) => {
    nodes[index] = await startTestNode({
      name: `node-${index}`,
      natsUrl: cluster.urls(`n${index}`),
      cacheDir: cacheDir ?? join(folder, "cache"),
      nodeArguments: ["--replicas", "3"],
      onEnding: () => undefined,
    });
  };
  closers.defer(async () => void (await Promise.allSettled(nodes.map((node) => node.drain()))));
  // The first one makes the files that all have in common.
  await startNode(0);
  const gateways: GatewayProcess[] = [];
  const startGateway = async (index: number, address = "127.0.0.1:0") => {
    gateways[index] = await eventually(() => spawnGateway(cluster.urls(`n${index}`), address), {
      timeoutMs: BEGIN_MS,
    });
  };
  closers.defer(async () => void (await Promise.all(gateways.map(({ child }) => kill(child)))));
  await Promise.all([startNode(1), startNode(2), ...[0, 1, 2].map((index) => startGateway(index))]);
  const owned = closers.move();
  return {
    cluster,
    connection,
    urls: gateways.map(({ http }) => http),
    async replaceNode(index, withHosts) {
      const hosts = withHosts ? hostsOf(nodes[index]) : [];
      const killing = nodes[index]?.kill9();
      for (const pid of hosts) process.kill(pid, "SIGKILL");
      await killing;
      await eventually(() => startNode(index), { timeoutMs: BEGIN_MS });
    },
    async replaceGateway(index) {
      const gateway = gateways[index];
      if (gateway === undefined) return;
      await kill(gateway.child);
      await startGateway(index, new URL(gateway.http).host);
    },
    killHosts(index) {
      for (const pid of hostsOf(nodes[index])) process.kill(pid, "SIGKILL");
    },
    untilWhole: () => eventually(() => checkWhole(connection), { timeoutMs: WHOLE_MS }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function spawnGateway(natsUrl: string, http: string): Promise<GatewayProcess> {
  const level = process.env.NARUN_TEST_LOG ?? "error";
  const free = "127.0.0.1:0";
  const args = ["gateway", "--nats", natsUrl, "--http", http, "--grpc", free, "--metrics", free];
  const child = spawn(
    process.execPath,
    [main, ...args, "--replicas", "3", "--short-path", "off", "--json", "--log-level", level],
    { stdio: ["ignore", "pipe", process.env.NARUN_TEST_LOG === undefined ? "ignore" : "inherit"] },
  );
  return { child, ...(JSON.parse(await firstLine(child)) as { http: string }) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

function hostsOf(node: TestNode | undefined): number[] {
  return node === undefined ? [] : rolesOf(node.pid).host;
}

async function checkWhole(nats: Nats): Promise<void> {
  if (nats.cluster.here < 3) throw new Error(`${nats.cluster.here} of 3 servers are there`);
  const manager = await jetstreamManager(nats.connection, { checkAPI: false, timeout: 2_000 });
  for await (const { config, cluster } of manager.streams.list()) {
    const { leader, replicas = [] } = cluster ?? {};
    const isWhole = leader !== undefined && replicas.filter(isNear).length === 2;
    if (!isWhole) throw new Error(`${config.name}, led by ${leader}: ${JSON.stringify(replicas)}`);
  }
}

/** Upper bound of the entries that a follower is behind while clients write: some are always on their way. */
const NEAR = 50;
const NEAR_NANOS = 2_000_000_000;

function isNear({ current, offline, active, lag = Number.POSITIVE_INFINITY }: PeerInfo): boolean {
  return offline !== true && (current || (active < NEAR_NANOS && lag <= NEAR));
}
