import type { Ceiling } from "../../contracts/index.ts";
import type { StartHost } from "../host.ts";
import type { SandboxChoice } from "./bubblewrap.ts";
import { loadHostProgram } from "./image/host-program.ts";
import { loadSnapshot } from "./image/snapshot.ts";
import { startIsolateHost } from "./isolate-host.ts";
import { resolveSandbox } from "./resolve-sandbox.ts";
import { makeRunFolder } from "./run-folder.ts";

export interface IsolatesOptions {
  /** The folder of the platform's snapshot and the hosts' program. Both are made here where they are not there yet. */
  cacheDir: string;
  /** Whether host processes run in bubblewrap: default `auto`, where it works. */
  sandbox?: SandboxChoice;
  /** `PATH`: the folders in which bubblewrap is looked for. Default: none. */
  searchPath?: string | undefined;
  /** Whether hosts listen on sockets for the gateways of their machine. Default true; without, requests go over NATS. */
  shortPath?: boolean;
  /** Upper bounds of the functions' limits. Default: none. */
  ceiling?: Ceiling;
  /** Upper bound of a host process' memory besides the memory of its functions; a process above it is replaced. Default 1,024. */
  hostMemoryMb?: number;
  /** The address for debuggers, and the functions' folders by their names, in which they look for sources. Default: none. */
  inspect?: { host: string; port: number; folders: ReadonlyMap<string, string> } | undefined;
}

/** The mode `isolate` of a node-runner. */
export interface Isolates {
  /** For `hosts.isolate` of the node-runner. */
  readonly startHost: StartHost;
  /** The address for debuggers: `HOST:PORT`. */
  readonly inspectAddress: string | undefined;
  /** Lets debuggers attach no more, and removes the folder of the sockets. The hosts end with their node-runner. */
  close(): Promise<void>;
}

/** Default of `hostMemoryMb`. */
const DEFAULT_HOST_MEMORY_MB = 1_024;

/**
 * Prepares the mode `isolate`: the program and the snapshot of its hosts, and their confinement on this machine. Errors: USAGE,
 * where the sandbox does not work here; ADDRESS_IN_USE, for debuggers.
 */
export async function prepareIsolates(options: IsolatesOptions): Promise<Isolates> {
  const {
    cacheDir,
    inspect,
    ceiling = {},
    hostMemoryMb = DEFAULT_HOST_MEMORY_MB,
    shortPath = true,
  } = options;
  const [sandbox, snapshot, program, runFolder] = await Promise.all([
    resolveSandbox(options.sandbox ?? "auto", ceiling, options.searchPath),
    loadSnapshot(cacheDir),
    loadHostProgram(cacheDir, ceiling.memoryMb),
    shortPath ? makeRunFolder() : undefined,
  ]);
  const debug = inspect && (await openToDebuggers(inspect));
  return {
    startHost: (parts) =>
      startIsolateHost({ ...parts, sandbox, snapshot, program, runFolder, debug, maxMemoryMb: hostMemoryMb }),
    inspectAddress: debug?.address,
    async close() {
      await Promise.all([debug?.close(), runFolder?.close()]);
    },
  };
}

async function openToDebuggers(inspect: NonNullable<IsolatesOptions["inspect"]>) {
  const { startInspectorServer } = await import("./inspector/inspector-server.ts");
  return startInspectorServer(inspect);
}
