/**
 * The nats-server of `narun up`. On loopback it is open; off loopback, in a cluster, and in a data folder that has the identity
 * of a network, only logins of that network are taken, over TLS.
 */
import { existsSync } from "node:fs";
import os from "node:os";
import { join as joinPath } from "node:path";
import type { Logger } from "pino";
import { NarunError, type Role } from "../../contracts/index.ts";
import type { Address } from "../../machine/index.ts";
import type { NatsLogin } from "../../nats/index.ts";
import { type NatsServer, startNatsServer } from "../../nats-server/index.ts";
import { foundCluster } from "../network/found-cluster.ts";
import { type JoinTarget, joinNetwork } from "../network/join.ts";
import { hasNetwork } from "../network/network-facts.ts";
import { type Network, openNetwork } from "../network/network-folder.ts";
import { isLoopback } from "../options/network.ts";

export interface EmbeddedNatsOptions {
  binary: string;
  dataDir: string;
  listen: string;
  natsPort: number;
  /** Where the server takes other servers. */
  cluster?: Address | undefined;
  join?: JoinTarget | undefined;
  log: Logger;
  /** Called with what a start is at, where that takes a while. */
  onStep?: ((step: string) => void) | undefined;
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

/** Errors: NETWORK_DATA_IN_USE, JOIN_TOKEN_USED and its siblings, NATS_SERVER_FAILED. */
export async function startEmbeddedNats(options: EmbeddedNatsOptions): Promise<EmbeddedNats> {
  const { binary, dataDir, listen: host, natsPort: port, cluster, log, onSpawn, signal } = options;
  const network = await openIdentity(options);
  const clusterOf = cluster && { ...cluster, routes: [routeOf(cluster)] };
  const server = await startNatsServer({
    ...{ binary, host, port, dataDir, log, onSpawn, signal },
    ...(network && { access: () => network.access(clusterOf), name: network.serverName }),
  });
  const url = network === undefined ? server.url : `tls://${localHost(host)}:${server.port}`;
  const timer = network && setInterval(() => void renew(network, server, log), RENEWAL_MS).unref();
  const close = async () => {
    clearInterval(timer);
    await server.close();
  };
  try {
    if (network !== undefined && clusterOf !== undefined) {
      const isAlone = network.facts.routes.every((route) => route === network.route);
      const founding = { url, binary, network, access: network.access(clusterOf), log, onSpawn, signal };
      if (isAlone) options.onStep?.("waiting for the leader of the cluster");
      if (isAlone) await foundCluster({ ...founding, isFirst: !network.isFounded });
      network.noteFounded();
    }
    network?.noteAddress(url);
  } catch (error) {
    await close();
    throw error;
  }
  return { server, url, network, login: (role) => network?.login(role) ?? {}, close };
}

async function openIdentity({
  dataDir,
  listen,
  cluster,
  join,
  onStep,
}: EmbeddedNatsOptions): Promise<Network | undefined> {
  const isNew = !hasNetwork(dataDir);
  if (isNew && isLoopback(listen) && cluster === undefined) return undefined;
  // Streams of a server that was alone are not the cluster's.
  if (isNew && cluster !== undefined && existsSync(joinPath(dataDir, "nats", "jetstream")))
    throw new NarunError("NETWORK_DATA_IN_USE", { detail: dataDir });
  const route = cluster && routeOf(cluster);
  if (join !== undefined && isNew) onStep?.("joining the network");
  if (join !== undefined && route !== undefined) await joinNetwork({ target: join, dataDir, route });
  const network = await openNetwork(dataDir, namesOf([listen, ...(cluster ? [cluster.host] : [])]));
  if (join !== undefined && isNew) network.noteFounded();
  network.route = route;
  return network;
}

async function renew(network: Network, server: NatsServer, log: Logger): Promise<void> {
  try {
    if (await network.renew()) await server.reload();
  } catch (error) {
    log.error({ err: error }, "the network's certificates and logins were not renewed");
  }
}

/** An address of a server for other servers, as they reach it. */
function routeOf({ host, port }: Address): string {
  const reached = isAny(host) ? (externalAddresses()[0] ?? "127.0.0.1") : host;
  return `${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}

/** The names by which clients and servers may reach this machine. */
function namesOf(given: readonly string[]): string[] {
  const names = ["localhost", "127.0.0.1", "::1", ...given, os.hostname(), ...externalAddresses()];
  return names.filter((name) => !isAny(name));
}

function externalAddresses(): string[] {
  return Object.values(os.networkInterfaces()).flatMap((all = []) =>
    all.filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address),
  );
}

const isAny = (host: string) => host === "0.0.0.0" || host === "::";

function localHost(host: string): string {
  const reached = isAny(host) ? "127.0.0.1" : host;
  return reached.includes(":") ? `[${reached}]` : reached;
}
