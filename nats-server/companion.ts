/**
 * A second server beside a lone one of a cluster, for moments: JetStream of a cluster elects no leader before a server has
 * a route to another one.
 *
 * I1  At the cluster's very first start the companion has JetStream, as two servers have to agree. It is taken out of the cluster
 *     and its data are removed, so that the other one is the cluster.
 * I2  At later starts it has none, and leaves no trace.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { formatServerConfig, type ServerAccess } from "./config.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

export interface CompanionOptions {
  binary: string;
  /** The access of the lone server. */
  access: ServerAccess;
  hasJetStream: boolean;
  log: Pick<Logger, "debug">;
  onSpawn?: ((pid: number) => void) | undefined;
  signal: AbortSignal;
}

export interface Companion extends AsyncDisposable {
  readonly name: string;
}

const STOP_GRACE_MS = 1_000;

export async function startCompanion({
  binary,
  access,
  hasJetStream,
  log,
  onSpawn,
  signal,
}: CompanionOptions): Promise<Companion> {
  const { cluster } = access;
  if (cluster === undefined) throw new TypeError("a server without a cluster has no companion");
  const dir = await mkdtemp(join(tmpdir(), "narun-companion-"));
  const name = `companion-${crypto.randomUUID().slice(0, 8)}`;
  const [configFile, portsDir] = [join(dir, "nats-server.conf"), join(dir, "ports")];
  await mkdir(portsDir);
  await mkdir(join(dir, "accounts"));
  const host = "127.0.0.1";
  const config = formatServerConfig({
    ...{ host, port: -1, maxPayloadBytes: 1024 * 1024, portsDir, name },
    storeDir: hasJetStream ? join(dir, "jetstream") : undefined,
    access: {
      ...access,
      accountsDir: join(dir, "accounts"),
      cluster: { host, port: -1, routes: [`${routeHost(cluster.host)}:${cluster.port}`] },
    },
  });
  await writeFile(configFile, config, { mode: 0o600 });
  let process: ServerProcess | undefined;
  const close = async () => {
    await process?.stop(STOP_GRACE_MS);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    process = await startServerProcess({
      binary,
      configFile,
      portsDir,
      // It loses its cluster and its routes by design: a failure of its start has its last lines.
      log: { debug: log.debug.bind(log), warn: log.debug.bind(log) },
      onSpawn,
      onLine: () => undefined,
      signal,
    });
  } catch (error) {
    await close();
    throw error;
  }
  return { name, [Symbol.asyncDispose]: close };
}

/** An address that this machine reaches. */
function routeHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
