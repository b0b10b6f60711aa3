/**
 * A connection whose server has lost most of its cluster goes to a server that has not, if one answers: behind a server that is
 * cut off nothing comes any more, although the connection to it lives.
 *
 * I1  The connection is left only for a server that answers and sees a majority. Where two of three servers are gone it stays,
 *     and serves warm requests and reads.
 * I2  Where a server is lost, the others are tried before it.
 */
import { connect as dial } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { ClusterView } from "./cluster-view.ts";
import { shuffled } from "./server-addresses.ts";

export interface MajorityOptions {
  connection: NatsConnection;
  cluster: ClusterView;
  /** The addresses that the connection was given: `HOST:PORT`. */
  servers: readonly string[];
  isConnected(): boolean;
}

/** How often other servers are looked for. */
const LOOK_MS = 500;
const MAX_LOOK_MS = 2_000;
/** How long a server may take to say who it is. */
const ANSWER_MS = 1_000;
/** Upper bound of the bytes of that. */
const MAX_INFO_BYTES = 64 * 1024;

/** Follows the cluster for as long as the connection lives. */
export function followMajority(options: MajorityOptions): void {
  const { connection, cluster } = options;
  let isLooking = false;
  const look = async () => {
    if (!isBehind(options)) return putOwnLast(options);
    if (isLooking) return;
    isLooking = true;
    for (let waitMs = LOOK_MS; isBehind(options); waitMs = Math.min(2 * waitMs, MAX_LOOK_MS)) {
      const found = await findMajority(options);
      if (found !== undefined && isBehind(options)) await moveTo(options, found);
      // Without a reference: a process that ends does not wait for it.
      else await sleep(waitMs, undefined, { ref: false });
    }
    isLooking = false;
  };
  putOwnLast(options);
  const forget = cluster.listen(() => void look());
  void connection.closed().then(forget);
}

/** A server that hangs would still accept a connection: the others are tried before it, in an order of chance. */
function putOwnLast({ connection, cluster, servers }: MajorityOptions): void {
  if (!cluster.isCluster || connection.isClosed()) return;
  const own = connection.getServer();
  const others = new Set([...servers, ...cluster.urls].filter((one) => one !== own));
  if (others.size > 0) connection.setServers([...shuffled([...others]), own]);
}

function isBehind({ connection, cluster, isConnected }: MajorityOptions): boolean {
  return cluster.isMinority && isConnected() && !connection.isClosed();
}

async function findMajority({ connection, cluster, servers }: MajorityOptions): Promise<string | undefined> {
  const others = [...new Set([...servers, ...cluster.seen])].filter((one) => one !== connection.getServer());
  const counts = await Promise.all(
    others.map(async (address) => [address, await askCount(address)] as const),
  );
  return counts.find(([, count]) => count * 2 > cluster.most)?.[0];
}

async function moveTo({ connection, cluster, servers }: MajorityOptions, address: string): Promise<void> {
  const all = new Set([address, ...servers, ...cluster.seen]);
  connection.setServers([...all]);
  await connection.reconnect().catch(() => undefined);
}

/** How many servers of its cluster a server sees; 0 where it does not answer. It says so before any login. */
function askCount(address: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const { hostname, port } = new URL(`nats://${address}`);
  const socket = dial({ host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port || 4222) });
  let text = "";
  socket.setEncoding("utf8");
  socket.setTimeout(ANSWER_MS, () => socket.destroy());
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.includes("\n") || text.length > MAX_INFO_BYTES) socket.destroy();
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => resolve(countOf(text)));
  return promise;
}

function countOf(text: string): number {
  const [, json] = /^INFO (\{.*\})\s*\r?\n/.exec(text) ?? [];
  if (json === undefined) return 0;
  try {
    const { connect_urls: urls = [] } = JSON.parse(json) as { connect_urls?: string[] };
    return new Set(urls).size;
  } catch {
    return 0;
  }
}
