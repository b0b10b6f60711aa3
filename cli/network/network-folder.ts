/**
 * The identity of a network in the data folder of `narun up`: the keys of its users (nats/identity/network.ts), its authority of
 * certificates, and what is made of them for this machine: the server's certificate and the logins of its parts.
 *
 *     network/network.json          the keys, and the addresses of the network's servers
 *     network/authority.json        the authority's certificate and key
 *     network/ca.pem                its certificate: for clients
 *     network/server-*.pem          of this machine's nats-server
 *     network/logins/<role>.creds   of the gateway, the node and the operator here
 *     network/logins/hosts.json     the key with which the node makes the logins of its hosts
 *
 * I1  Every file with a key has the mode 0600, in folders with the mode 0700.
 * I2  All nodes that joined have the same keys: none of them is the first.
 */
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import type { Role } from "../../contracts/index.ts";
import {
  type CertificatePair,
  certificateHasNames,
  endOfCertificate,
  fingerprintOfCertificate,
  isCertificateOf,
  makeAuthority,
  makeCertificate,
  makeOwnFolder,
  writeWholeSync,
} from "../../machine/index.ts";
import {
  claimsIn,
  createLogin,
  createNetworkKeys,
  type NatsLogin,
  type NetworkKeys,
  NetworkKeysSchema,
  roleKey,
  serverIdentity,
} from "../../nats/index.ts";
import type { ClusterAddress, ServerAccess } from "../../nats-server/index.ts";

const DAY_MS = 24 * 3_600_000;
const AUTHORITY_DAYS = 3_650;
const SERVER_DAYS = 90;
const LOGIN_MS = 90 * DAY_MS;
/** Certificates and logins are made anew so long before their end. */
const RENEW_BEFORE_MS = 30 * DAY_MS;

const Pair = z.strictObject({ cert: z.string(), key: z.string() });

/** What all nodes of a network have alike. */
export const NetworkSchema = z.strictObject({
  keys: NetworkKeysSchema,
  authority: Pair,
  /** `HOST:PORT` of the servers' addresses for each other. */
  routes: z.array(z.string()),
});
export type NetworkFacts = z.infer<typeof NetworkSchema>;

/** The roles that have a login on this machine. */
const LOGINS = ["gateway", "node", "cli"] as const satisfies readonly Role[];

export interface Network {
  readonly facts: NetworkFacts;
  /** SHA-256 of the authority's certificate, hex. */
  readonly fingerprint: string;
  readonly caFile: string;
  /** The file with the key of hosts' logins, for the node. */
  readonly hostsKeyFile: string;
  login(role: (typeof LOGINS)[number]): NatsLogin;
  access(cluster?: ClusterAddress): ServerAccess;
  /** Makes anew what ends soon. Returns whether the server has to read its certificate again. */
  renew(now?: number): Promise<boolean>;
  /** Keeps the address of one more server. */
  addRoute(route: string): void;
}

const folderOf = (dataDir: string) => resolve(dataDir, "network");

/** Whether a data folder has a network's identity: its server is closed to strangers then, at any address. */
export function hasNetwork(dataDir: string): boolean {
  return existsSync(join(folderOf(dataDir), "network.json"));
}

/** The files of a login that `narun up` keeps for commands on this machine. */
export function operatorLogin(dataDir: string): { creds: string; ca: string } {
  const folder = folderOf(dataDir);
  return { creds: join(folder, "logins", "cli.creds"), ca: join(folder, "ca.pem") };
}

export async function createNetwork(now = Date.now()): Promise<NetworkFacts> {
  return {
    keys: createNetworkKeys(),
    authority: await makeAuthority({ days: AUTHORITY_DAYS, now }),
    routes: [],
  };
}

/** Reads the network of a data folder. Undefined where there is none. */
export function readNetwork(dataDir: string): NetworkFacts | undefined {
  if (!hasNetwork(dataDir)) return undefined;
  const folder = folderOf(dataDir);
  const { keys, routes } = JSON.parse(readFileSync(join(folder, "network.json"), "utf8"));
  const authority = JSON.parse(readFileSync(join(folder, "authority.json"), "utf8"));
  return NetworkSchema.parse({ keys, routes, authority });
}

export async function writeNetwork(
  dataDir: string,
  { keys, routes, authority }: NetworkFacts,
): Promise<void> {
  await makeOwnFolder(resolve(dataDir));
  const folder = folderOf(dataDir);
  await makeOwnFolder(folder);
  await makeOwnFolder(join(folder, "logins"));
  writeOwn(join(folder, "authority.json"), JSON.stringify(authority));
  writeOwn(join(folder, "ca.pem"), authority.cert);
  writeOwn(join(folder, "network.json"), JSON.stringify({ keys, routes }));
}

/** Opens the network of a data folder, and makes it where there is none. `names`: of this machine, as clients reach it. */
export async function openNetwork(dataDir: string, names: readonly string[]): Promise<Network> {
  if (!hasNetwork(dataDir)) await writeNetwork(dataDir, await createNetwork());
  const facts = readNetwork(dataDir);
  if (facts === undefined) throw new Error("the network's files are gone");
  const network = new OpenNetwork(dataDir, facts, names);
  await network.renew();
  return network;
}

class OpenNetwork implements Network {
  readonly facts: NetworkFacts;
  readonly #folder: string;
  readonly #names: readonly string[];

  constructor(dataDir: string, facts: NetworkFacts, names: readonly string[]) {
    this.facts = facts;
    this.#folder = folderOf(dataDir);
    this.#names = [...new Set(names)];
  }

  get fingerprint(): string {
    return fingerprintOfCertificate(this.facts.authority.cert);
  }

  get caFile(): string {
    return this.#at("ca.pem");
  }

  get hostsKeyFile(): string {
    return this.#at("logins", "hosts.json");
  }

  login(role: (typeof LOGINS)[number]): NatsLogin {
    return { creds: { file: this.#at("logins", `${role}.creds`) }, ca: { file: this.caFile } };
  }

  access(cluster?: ClusterAddress): ServerAccess {
    const { keys, routes } = this.facts;
    return {
      identity: serverIdentity(keys),
      accountsDir: this.#at("..", "nats", "accounts"),
      tls: { cert: this.#at("server-cert.pem"), key: this.#at("server-key.pem"), ca: this.caFile },
      cluster: cluster && { ...cluster, routes: [...new Set([...cluster.routes, ...routes])] },
    };
  }

  async renew(now = Date.now()): Promise<boolean> {
    const { keys } = this.facts;
    await mkdir(this.#at("..", "nats", "accounts"), { recursive: true, mode: 0o700 });
    writeOwn(this.hostsKeyFile, JSON.stringify(roleKey(keys, "host")));
    for (const role of LOGINS) this.#renewLogin(keys, role, now);
    return this.#renewCertificate(now);
  }

  addRoute(route: string): void {
    const { keys, routes } = this.facts;
    if (routes.includes(route)) return;
    routes.push(route);
    writeOwn(this.#at("network.json"), JSON.stringify({ keys, routes }));
  }

  #renewLogin(keys: NetworkKeys, role: Role, now: number): void {
    const file = this.#at("logins", `${role}.creds`);
    const { exp = 0, name } = claimsIn(readOr(file, "")) ?? {};
    if (exp * 1_000 - now > RENEW_BEFORE_MS) return;
    // The same name: replies to a connection that logs in again come to the same inboxes.
    writeOwn(
      file,
      createLogin(roleKey(keys, role), { lifeMs: LOGIN_MS, now, ...(name === undefined ? {} : { name }) }),
    );
  }

  async #renewCertificate(now: number): Promise<boolean> {
    const { authority } = this.facts;
    const present = readOr(this.#at("server-cert.pem"), "");
    if (present !== "" && isFit(present, authority, this.#names, now)) return false;
    const { cert, key } = await makeCertificate(authority, {
      names: this.#names,
      days: SERVER_DAYS,
      now,
      isClient: true,
    });
    writeOwn(this.#at("server-key.pem"), key);
    // With the authority's: who joins sees by its fingerprint that the server is the network's.
    writeOwn(this.#at("server-cert.pem"), `${cert}\n${authority.cert}\n`);
    return true;
  }

  #at(...parts: string[]): string {
    return join(this.#folder, ...parts);
  }
}

function isFit(cert: string, authority: CertificatePair, names: readonly string[], now: number): boolean {
  return (
    endOfCertificate(cert) - now > RENEW_BEFORE_MS &&
    certificateHasNames(cert, names) &&
    isCertificateOf(cert, authority.cert)
  );
}

function writeOwn(file: string, text: string): void {
  writeWholeSync(file, text, 0o600);
}

function readOr(file: string, fallback: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return fallback;
  }
}
