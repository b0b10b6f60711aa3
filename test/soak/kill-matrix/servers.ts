/** The nats-servers of the kill matrix: one, or a cluster of three of which one is killed at a time. */
import { jetstreamManager } from "@nats-io/jetstream";
import { connectNats, type Nats } from "../../../nats/index.ts";
import { eventually } from "../../harness/eventually.ts";
import { startTestNats } from "../../harness/nats.ts";
import { startNatsCluster } from "../../harness/nats-cluster.ts";
import type { Random } from "../random.ts";

export interface Servers {
  /** The addresses, with commas between them. */
  readonly url: string;
  readonly connection: Nats;
  /** Kills one. Resolves when it is back, and a further death would lose nothing. */
  kill(random: Random): Promise<void>;
}

export type ServerCount = 1 | 3;

/** Hears how long a server was away that was killed, when it is back. */
export type OnBack = (victim: "nats-server", backMs: number) => void;

const WAIT = { timeoutMs: 120_000 };

export function startServers(
  count: ServerCount,
  binary: string,
  stack: AsyncDisposableStack,
  onBack: OnBack,
): Promise<Servers> {
  return count === 1 ? startOne(binary, stack, onBack) : startThree(binary, stack, onBack);
}

async function startOne(binary: string, stack: AsyncDisposableStack, onBack: OnBack): Promise<Servers> {
  const nats = stack.use(await startTestNats({ binary }));
  const connection = await connectNats({ url: nats.url, name: "kill matrix" });
  stack.defer(() => connection.close());
  return {
    url: nats.url,
    connection,
    async kill() {
      const from = performance.now();
      await nats.kill9();
      // The next kill may come while it is away.
      void eventually(() => nats.pid, WAIT).then(
        () => onBack("nats-server", performance.now() - from),
        () => onBack("nats-server", Number.POSITIVE_INFINITY),
      );
    },
  };
}

async function startThree(binary: string, stack: AsyncDisposableStack, onBack: OnBack): Promise<Servers> {
  const cluster = stack.use(await startNatsCluster({ binary }));
  const url = cluster.urls();
  const connection = await eventually(() => connectNats({ url, name: "kill matrix" }), WAIT);
  stack.defer(() => connection.close());
  const untilWhole = () => eventually(() => requireWhole(connection), WAIT);
  await untilWhole();
  return {
    url,
    connection,
    async kill(random) {
      const victim = cluster.names[random.between(0, cluster.names.length - 1)] ?? "";
      const from = performance.now();
      await cluster.kill(victim);
      cluster.start(victim);
      await untilWhole();
      onBack("nats-server", performance.now() - from);
    },
  };
}

/** Throws unless all servers are there, and each stream has three copies that have everything. */
async function requireWhole(connection: Nats): Promise<void> {
  if (connection.cluster.here !== 3) throw new Error(`${connection.cluster.here} of 3 servers are there`);
  const manager = await jetstreamManager(connection.connection, { checkAPI: false });
  for await (const { config, cluster } of manager.streams.list()) {
    const current = cluster?.replicas?.filter((one) => one.current).length ?? 0;
    if (current !== 2) throw new Error(`${config.name} has ${current} whole copies beside its leader`);
  }
}
