import type { ServerIdentity } from "../nats/index.ts";

export interface ServerConfig {
  host: string;
  /** -1 lets the server choose a free one. */
  port: number;
  maxPayloadBytes: number;
  /** Where JetStream keeps its data. Undefined: the server has none. */
  storeDir: string | undefined;
  /** Where the server writes down the ports that it listens on. */
  portsDir: string;
  /** Unique in a cluster. Default: the server makes one up at every start. */
  name?: string | undefined;
  /** The users that may log in. Default: everyone. */
  access?: ServerAccess | undefined;
}

/** The identity of a server, and its fellows. */
export interface ServerAccess {
  identity: ServerIdentity;
  /** Where the server keeps the accounts: newer ones win over `identity`. */
  accountsDir: string;
  /** Files in PEM. Clients need TLS then. */
  tls: TlsFiles;
  cluster?: ClusterAddress | undefined;
}

export interface TlsFiles {
  cert: string;
  key: string;
  ca: string;
}

export interface ClusterAddress {
  host: string;
  port: number;
  /** `HOST:PORT` of other servers' own. */
  routes: readonly string[];
}

/**
 * Far above the needs of functions and logs; the disk is the real limit. Unset, a full disk would lower it at every
 * start.
 */
const MAX_FILE_STORE = "100GB";

/** The login of a host names each of its functions, and comes in one line of the protocol. The server's default is 4 KiB. */
const MAX_CONTROL_LINE = 1024 * 1024;

/**
 * How long a handshake of TLS may take. The server's default is 2 s, which a busy machine takes now and then: then the server closes
 * the connection without a word. A login may take a second more.
 */
const TLS_SECONDS = 10;

/** The text of a nats-server configuration file. */
export function formatServerConfig(config: ServerConfig): string {
  return [
    "# Written by narun at every start.",
    `host: ${quote(config.host)}`,
    `port: ${config.port}`,
    ...(config.name === undefined ? [] : [`server_name: ${quote(config.name)}`]),
    `max_payload: ${config.maxPayloadBytes}`,
    `ports_file_dir: ${quote(config.portsDir)}`,
    ...(config.storeDir === undefined
      ? []
      : [
          "jetstream {",
          `  store_dir: ${quote(config.storeDir)}`,
          `  max_file_store: ${MAX_FILE_STORE}`,
          "}",
        ]),
    ...(config.access === undefined ? [] : accessLines(config.access)),
    "",
  ].join("\n");
}

function accessLines({ identity, accountsDir, tls, cluster }: ServerAccess): string[] {
  return [
    `max_control_line: ${MAX_CONTROL_LINE}`,
    `operator: ${identity.operatorJwt}`,
    `system_account: ${identity.systemAccount}`,
    // Servers of a cluster hand newer accounts on to each other.
    `resolver { type: full, dir: ${quote(accountsDir)}, allow_delete: false, interval: "10s" }`,
    "resolver_preload {",
    ...Object.entries(identity.accounts).map(([account, jwt]) => `  ${account}: ${jwt}`),
    "}",
    `tls { ${tlsLine(tls)} }`,
    ...(cluster === undefined ? [] : clusterLines(cluster, tls)),
  ];
}

/** Members prove to each other that the network's authority knows them. */
function clusterLines({ host, port, routes }: ClusterAddress, tls: TlsFiles): string[] {
  return [
    "cluster {",
    '  name: "narun"',
    `  listen: ${quote(`${host.includes(":") ? `[${host}]` : host}:${port}`)}`,
    `  routes: [${routes.map((route) => quote(`nats-route://${route}`)).join(", ")}]`,
    `  tls { ${tlsLine(tls)}, verify: true }`,
    "}",
  ];
}

function tlsLine({ cert, key, ca }: TlsFiles): string {
  return `cert_file: ${quote(cert)}, key_file: ${quote(key)}, ca_file: ${quote(ca)}, timeout: ${TLS_SECONDS}`;
}

/** The configuration language knows the escapes of JSON strings that a path can need. */
function quote(text: string): string {
  return JSON.stringify(text);
}
