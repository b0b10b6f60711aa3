import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { isNarunError } from "../contracts/index.ts";
import { listen, sendSignal } from "../machine/index.ts";
import { formatServerConfig, type ServerAccess } from "./config.ts";
import { createFullDiskWatch } from "./full-disk.ts";
import { type ServerProcess, type ServerProcessOptions, startServerProcess } from "./server-process.ts";
import { superviseServer } from "./supervise.ts";

export interface StartServerOptions {
  /** Path of the nats-server binary, from `findNatsServer`. */
  binary: string;
  /** Default `127.0.0.1`: only this machine. */
  host?: string;
  /** 0, the default, picks a free port, which is kept over restarts. */
  port?: number;
  /** Everything of the server is kept below `nats/` in this folder. The caller holds its lock (`lockDataDir`). */
  dataDir: string;
  /** The most bytes of one message. Default 8 MiB, the most that NATS recommends. */
  maxPayloadBytes?: number;
  /** Unique in a cluster. Default: the server makes one up. */
  name?: string | undefined;
  /** The logins of the server, and its cluster; asked at every start and reload. Default: everyone, and none. */
  access?: (() => ServerAccess) | undefined;
  log: Pick<Logger, "debug" | "info" | "warn">;
  /** Called with the pid of every process that is started, at once, so that it can be ended if this one dies. */
  onSpawn?: (pid: number) => void;
  /** Ends a start that is under way; the promise rejects with its reason. */
  signal?: AbortSignal;
}

/** A nats-server that is kept running until it is closed. */
export interface NatsServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Changes when the server is restarted; undefined while there is no process. */
  readonly pid: number | undefined;
  /** Lets the server read its certificates and its configuration again. Connections stay. */
  reload(): Promise<void>;
  /** Ends the server: SIGTERM, after 5 s SIGKILL. Resolves when it is gone. */
  close(): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

/**
 * Starts a nats-server with JetStream and resolves when it takes connections. A server that dies is restarted on the
 * same port with the same store. Errors: ADDRESS_IN_USE; NATS_SERVER_FAILED with the server's last lines.
 */
export async function startNatsServer(options: StartServerOptions): Promise<NatsServer> {
  const { binary, log, onSpawn, host = DEFAULT_HOST, port = 0, signal } = options;
  const dir = resolve(options.dataDir, "nats");
  const closing = new AbortController();
  const processOptions: Omit<ServerProcessOptions, "signal"> = {
    binary,
    configFile: join(dir, "nats-server.conf"),
    portsDir: join(dir, "ports"),
    log,
    onSpawn,
    onLine: (line) => onLine(line),
  };
  let onLine: (line: string) => void = () => undefined;
  const writeConfig = (chosenPort: number) =>
    writeFile(
      processOptions.configFile,
      formatServerConfig({
        host,
        port: chosenPort === 0 ? -1 : chosenPort,
        maxPayloadBytes: options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
        storeDir: join(dir, "jetstream"),
        portsDir: processOptions.portsDir,
        name: options.name,
        access: options.access?.(),
      }),
    );
  const startOn = async (chosenPort: number, startSignal: AbortSignal): Promise<ServerProcess> => {
    await mkdir(processOptions.portsDir, { recursive: true });
    await writeConfig(chosenPort);
    return startServerProcess({ ...processOptions, signal: startSignal });
  };

  await requireFreeAddress(host, port);
  // Files that killed servers left: a server with the same pid would find a port of theirs.
  await rm(processOptions.portsDir, { recursive: true, force: true });
  const first = await startOn(port, signal ?? closing.signal).catch(async (error: unknown) => {
    // Another program may have taken it just now.
    await requireFreeAddress(host, port);
    throw error;
  });
  const supervisor = superviseServer({
    first,
    restart: () => startOn(first.port, closing.signal),
    closing,
    log,
  });
  const { restart } = supervisor;
  onLine = createFullDiskWatch({ dir, restart, log, signal: closing.signal });
  return {
    url: `${options.access === undefined ? "nats" : "tls"}://${host.includes(":") ? `[${host}]` : host}:${first.port}`,
    host,
    port: first.port,
    get pid() {
      return supervisor.pid;
    },
    async reload() {
      await writeConfig(first.port);
      if (supervisor.pid !== undefined) sendSignal(supervisor.pid, "SIGHUP");
    },
    close: supervisor.close,
  };
}

/**
 * Error: ADDRESS_IN_USE. The server itself reports a taken port in a line of its log only. It ends with the reason where it
 * cannot have the address at all.
 */
async function requireFreeAddress(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  try {
    await listen(probe, { host, port }, "--nats-port");
  } catch (error) {
    if (isNarunError(error, "ADDRESS_IN_USE")) throw error;
    return;
  }
  await new Promise((resolve) => probe.close(resolve));
}
