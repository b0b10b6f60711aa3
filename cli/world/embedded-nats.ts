/**
 * The nats-server of `narun up`. On loopback it is open; off loopback, in a cluster, and in a data folder that has the identity
 * of a network, only logins of that network are taken, over TLS.
 */
import os from "node:os";
import type { Logger } from "pino";
import type { Role } from "../../contracts/index.ts";
import type { NatsLogin } from "../../nats/index.ts";
import { type ClusterAddress, type NatsServer, startNatsServer } from "../../nats-server/index.ts";
import { hasNetwork, type Network, openNetwork } from "../network/network-folder.ts";
import { isLoopback } from "../options/network.ts";

export interface EmbeddedNatsOptions {
  binary: string;
  dataDir: string;
  listen: string;
  natsPort: number;
  cluster?: ClusterAddress | undefined;
  log: Logger;
  onSpawn(pid: number): void;
  signal: AbortSignal;
}

export interface EmbeddedNats {
  readonly server: NatsServer;
  /** For this machine. */
  readonly url: string;
  /** Undefined: the server is open. */
  readonly network: Network | undefined;
  login(role: Extract<Role, "gateway" | "node" | "cli">): NatsLogin;
  close(): Promise<void>;
}

/** How often certificates and logins are looked at. */
const RENEWAL_MS = 3_600_000;

export async function startEmbeddedNats(options: EmbeddedNatsOptions): Promise<EmbeddedNats> {
  const { binary, dataDir, listen: host, natsPort: port, cluster, log, onSpawn, signal } = options;
  const isClosed = !isLoopback(host) || cluster !== undefined || hasNetwork(dataDir);
  const network = isClosed ? await openNetwork(dataDir, namesOf(host)) : undefined;
  const server = await startNatsServer({
    ...{ binary, host, port, dataDir, log, onSpawn, signal },
    ...(network && { access: () => network.access(cluster) }),
  });
  const timer = network && setInterval(() => void renew(network, server, log), RENEWAL_MS).unref();
  return {
    server,
    url: network === undefined ? server.url : `tls://${localHost(host)}:${server.port}`,
    network,
    login: (role) => network?.login(role) ?? {},
    async close() {
      clearInterval(timer);
      await server.close();
    },
  };
}

async function renew(network: Network, server: NatsServer, log: Logger): Promise<void> {
  try {
    if (await network.renew()) await server.reload();
  } catch (error) {
    log.error({ err: error }, "the network's certificates and logins were not renewed");
  }
}

/** The names by which clients may reach this machine. */
function namesOf(listen: string): string[] {
  const addresses = Object.values(os.networkInterfaces()).flatMap((all = []) =>
    all.filter(({ scopeid }) => !scopeid).map(({ address }) => address),
  );
  return ["localhost", "127.0.0.1", "::1", listen, os.hostname(), ...addresses].filter(
    (name) => !isAny(name),
  );
}

const isAny = (host: string) => host === "0.0.0.0" || host === "::";

function localHost(host: string): string {
  const reached = isAny(host) ? "127.0.0.1" : host;
  return reached.includes(":") ? `[${reached}]` : reached;
}
