/**
 * The identity of a network in the data folder of `narun up`: the keys of its users (nats/identity/network.ts), its authority of
 * certificates, and the files made of them for this machine: the server's certificate and the logins of its parts.
 *
 *     network/network.json          the keys, and the addresses of the network's servers
 *     network/authority.json        the authority's certificate and key
 *     network/ca.pem                its certificate: for clients
 *     network/address               of this machine's nats-server: for commands
 *     network/server-*.pem          of this machine's nats-server
 *     network/logins/<role>.creds   of the gateway, the node and the operator here
 *     network/logins/hosts.json     the key with which the node makes the logins of its hosts
 *
 * I1  Every file with a key has the mode 0600, in folders with the mode 0700.
 * I2  All nodes that joined have the same keys: none of them is the first.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type CertificatePair,
  certificateHasNames,
  endOfCertificate,
  isCertificateOf,
  isKeyOf,
  makeCertificate,
} from "../../machine/index.ts";
import {
  keeperLogin,
  type LoginTexts,
  type NatsLogin,
  randomName,
  serverIdentity,
} from "../../nats/index.ts";
import type { ClusterAddress, ServerAccess } from "../../nats-server/index.ts";
import { type LocalRole, LoginFiles, RENEW_BEFORE_MS } from "./login-files.ts";
import {
  ADDRESS_FILE,
  createNetwork,
  folderOf,
  hasNetwork,
  type NetworkFacts,
  type NetworkState,
  readNetwork,
  readOr,
  writeFacts,
  writeNetwork,
  writeOwn,
} from "./network-facts.ts";

const SERVER_DAYS = 90;
/** How long a login of the account itself is good. It is made anew at each connect. */
const KEEPER_MS = 30 * 24 * 3_600_000;

export interface Network {
  readonly facts: NetworkFacts;
  readonly caFile: string;
  /** `HOST:PORT` of this machine's server for other servers. Undefined: it takes none. */
  route: string | undefined;
  /** The name of this machine's server in the cluster. It stays. */
  readonly serverName: string;
  /** Whether the cluster of this server has been. */
  readonly isFounded: boolean;
  noteFounded(): void;
  /** The file with the key of hosts' logins, for the node. */
  readonly hostsKeyFile: string;
  login(role: LocalRole): NatsLogin;
  /** The login of the account itself (keeperLogin). */
  keeper(): LoginTexts;
  access(cluster?: ClusterAddress): ServerAccess;
  /** Makes files anew that end soon. Returns whether the server has to read its certificate again. */
  renew(now?: number): Promise<boolean>;
  /** Takes a newer state of the network over. The logins follow with `renew`. */
  adopt(state: NetworkState): void;
  /** Keeps the address of one more server. */
  addRoute(route: string): void;
  /** Keeps the address of this machine's server, for commands. */
  noteAddress(url: string): void;
}

/** The files of a login that `narun up` keeps for commands on this machine. */
export function operatorLogin(dataDir: string): { creds: string; ca: string } {
  const folder = folderOf(dataDir);
  return { creds: join(folder, "logins", "cli.creds"), ca: join(folder, "ca.pem") };
}

/** The address of the nats-server that ran, or runs, with this data folder. */
export function addressOfNetwork(dataDir: string): string | undefined {
  return readOr(join(folderOf(dataDir), ADDRESS_FILE), "") || undefined;
}

/**
 * Opens the network of a data folder, and makes it where there is none. Files that are made of its facts are made anew where they
 * are damaged. `names`: of this machine, as clients reach it. Error: NETWORK_DAMAGED.
 */
export async function openNetwork(dataDir: string, names: readonly string[]): Promise<Network> {
  if (!hasNetwork(dataDir)) await writeNetwork(dataDir, await createNetwork());
  const facts = readNetwork(dataDir);
  if (facts === undefined) throw new Error("the network's files are gone");
  // Networks of earlier versions told no time; their servers have the claims of the last start.
  if (facts.keys.changedAt === 0) {
    facts.keys.changedAt = Math.floor(Date.now() / 1_000);
    writeFacts(folderOf(dataDir), facts);
  }
  const network = new OpenNetwork(dataDir, facts, names);
  await network.renew();
  return network;
}

class OpenNetwork implements Network {
  route: string | undefined;
  #facts: NetworkFacts;
  #identity: ServerAccess["identity"] | undefined;
  readonly #folder: string;
  readonly #logins: LoginFiles;
  readonly #names: readonly string[];

  constructor(dataDir: string, facts: NetworkFacts, names: readonly string[]) {
    this.#facts = facts;
    this.#folder = folderOf(dataDir);
    this.#logins = new LoginFiles(this.#at("logins"));
    this.#names = [...new Set(names)];
  }

  get facts(): NetworkFacts {
    return this.#facts;
  }

  get serverName(): string {
    const file = this.#at("server-name");
    const kept = readOr(file, "");
    if (kept !== "") return kept;
    const name = `narun-${randomName()}`;
    writeOwn(file, name);
    return name;
  }

  get isFounded(): boolean {
    return existsSync(this.#at("founded"));
  }

  noteFounded(): void {
    writeOwn(this.#at("founded"), "The server's cluster has been: it is not founded again.\n");
  }

  get caFile(): string {
    return this.#at("ca.pem");
  }

  get hostsKeyFile(): string {
    return this.#logins.hostsKey;
  }

  login(role: LocalRole): NatsLogin {
    return this.#logins.login(role, this.caFile);
  }

  keeper(): LoginTexts {
    const { keys, authority } = this.#facts;
    return { creds: keeperLogin(keys, KEEPER_MS), ca: authority.cert };
  }

  access(cluster?: ClusterAddress): ServerAccess {
    const { keys, routes } = this.#facts;
    // A server that runs refuses to read a configuration with other accounts; it has newer claims of them in its folder.
    this.#identity ??= serverIdentity(keys);
    return {
      identity: this.#identity,
      accountsDir: this.#at("..", "nats", "accounts"),
      tls: { cert: this.#at("server-cert.pem"), key: this.#at("server-key.pem"), ca: this.caFile },
      cluster: cluster && { ...cluster, routes: [...new Set([...cluster.routes, ...routes])] },
    };
  }

  async renew(now = Date.now()): Promise<boolean> {
    await mkdir(this.#at("..", "nats", "accounts"), { recursive: true, mode: 0o700 });
    this.#logins.renew(this.#facts.keys, now);
    return this.#renewCertificate(now);
  }

  adopt(state: NetworkState): void {
    this.#facts = { ...this.#facts, ...state };
    writeFacts(this.#folder, this.#facts);
  }

  addRoute(route: string): void {
    if (this.#facts.routes.includes(route)) return;
    this.#facts = { ...this.#facts, routes: [...this.#facts.routes, route] };
    writeFacts(this.#folder, this.#facts);
  }

  noteAddress(url: string): void {
    writeOwn(this.#at(ADDRESS_FILE), url);
  }

  async #renewCertificate(now: number): Promise<boolean> {
    const { authority } = this.#facts;
    if (readOr(this.caFile, "") !== authority.cert) writeOwn(this.caFile, authority.cert);
    const present = {
      cert: readOr(this.#at("server-cert.pem"), ""),
      key: readOr(this.#at("server-key.pem"), ""),
    };
    if (isFit(present, authority, this.#names, now)) return false;
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

function isFit(
  { cert, key }: CertificatePair,
  authority: CertificatePair,
  names: readonly string[],
  now: number,
): boolean {
  try {
    return (
      endOfCertificate(cert) - now > RENEW_BEFORE_MS &&
      certificateHasNames(cert, names) &&
      isCertificateOf(cert, authority.cert) &&
      isKeyOf(key, cert)
    );
  } catch {
    // Cut off, or not there.
    return false;
  }
}
