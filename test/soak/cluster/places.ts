/**
 * Three of everything: a nats-server, a gateway and a node-runner at each place. Each
 * knows its own server, and hears of the others from that.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { pino } from "pino";
import { type Gateway, startGateway } from "../../../gateway/index.ts";
import { connectNats, type Nats } from "../../../nats/index.ts";
import { eventually } from "../../harness/eventually.ts";
import { type NatsCluster, startNatsCluster } from "../../harness/nats-cluster.ts";
import { startTestNode, type TestNode } from "../../harness/node-process.ts";

const BEGIN_MS = 60_000;
const WHOLE_MS = 60_000;

export interface Places extends AsyncDisposable {
  readonly cluster: NatsCluster;
  readonly connection: Nats;
  readonly gateways: readonly Gateway[];
  /** Kills a node-runner, and starts one of its name. */
  replaceNode(index: number): Promise<void>;
  /** Resolves when all servers see each other, and every stream has its copies. */
  untilWhole(): Promise<void>;
}

export async function startPlaces(binary: string, cacheDir?: string): Promise<Places> {
  await using closers = new AsyncDisposableStack();
  const cluster = closers.use(await startNatsCluster({ binary }));
  const folder = await mkdtemp(join(tmpdir(), "narun-soak-cluster-"));
  closers.defer(() => rm(folder, { recursive: true, force: true }));
  const connect = async (place: string, name: string) => {
    // Copies as they are wanted, also where a server has not said yet that it is there.
    const options = { url: cluster.url(place), name, copies: 3 };
    const nats = await eventually(() => connectNats(options), { timeoutMs: BEGIN_MS });
    closers.defer(() => nats.close());
    return nats;
  };
  const connection = await connect("n0", "soak");
  const nodes: TestNode[] = [];
  const startNode = async (index: number) => {
    nodes[index] = await startTestNode({
      name: `node-${index}`,
      natsUrl: cluster.url(`n${index}`),
      cacheDir: cacheDir ?? join(folder, "cache"),
      nodeArguments: ["--replicas", "3"],
      onEnding: () => undefined,
    });
  };
  closers.defer(async () => void (await Promise.allSettled(nodes.map((node) => node.drain()))));
  // The first one makes the files that all have in common.
  await startNode(0);
  await Promise.all([startNode(1), startNode(2)]);
  const gateways = await Promise.all(
    cluster.names.map(async (place) => {
      const nats = await connect(place, `gateway ${place}`);
      const http = { host: "127.0.0.1", port: 0 };
      const log = pino({ level: process.env.NARUN_TEST_LOG ?? "silent" });
      const gateway = await startGateway({ nats, http, log, shortPath: "off" });
      closers.defer(() => gateway.close());
      return gateway;
    }),
  );
  const owned = closers.move();
  return {
    cluster,
    connection,
    gateways,
    async replaceNode(index) {
      await nodes[index]?.kill9();
      await startNode(index);
    },
    untilWhole: () => eventually(() => checkWhole(connection), { timeoutMs: WHOLE_MS }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function checkWhole(nats: Nats): Promise<void> {
  if (nats.cluster.here < 3) throw new Error(`${nats.cluster.here} of 3 servers are there`);
  const manager = await jetstreamManager(nats.connection, { checkAPI: false, timeout: 2_000 });
  for await (const { config, cluster } of manager.streams.list()) {
    const current = cluster?.replicas?.filter((one) => one.current && one.offline !== true).length ?? 0;
    if (current !== 2) throw new Error(`${config.name} has ${current} current followers`);
  }
}
