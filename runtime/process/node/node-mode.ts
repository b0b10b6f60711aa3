import type { Ceiling } from "../../../contracts/index.ts";
import type { StartHost } from "../../host.ts";
import type { SandboxChoice } from "../../isolate/bubblewrap.ts";
import { resolveSandbox } from "../../isolate/resolve-sandbox.ts";
import { makeRunFolder } from "../../isolate/run-folder.ts";
import { type NodeProcessParts, startNodeHost } from "./node-host.ts";
import { loadNodeProgram } from "./node-programs.ts";

export interface NodeModeOptions {
  /** The folder of the programs. They are made here where they are not there yet. */
  cacheDir: string;
  /** Whether processes run in bubblewrap: default `auto`, where it works. */
  sandbox?: SandboxChoice;
  /** `PATH`: the folders in which bubblewrap is looked for. Default: none. */
  searchPath?: string | undefined;
  /** Whether processes listen on sockets for the gateways of their machine. Default true. */
  shortPath?: boolean;
  /** Upper bounds of the functions' limits. Default: none. */
  ceiling?: Ceiling;
}

/** The mode `node` of a node-runner. */
export interface NodeMode {
  /** For `hosts.node` of the node-runner. */
  readonly startHost: StartHost;
  /** A function in this mode is deployed: its programs are made now, so that its first request does not wait for them. */
  warmUp(): void;
  /** Removes the folder of the sockets. The processes end with their node-runner. */
  close(): Promise<void>;
}

/** Prepares the mode `node`. Nothing is made before there is a function in it: most nodes have none. */
export function prepareNodeMode(options: NodeModeOptions): NodeMode {
  let loaded: Promise<NodeProcessParts> | undefined;
  const load = () => {
    loaded ??= loadParts(options).catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
  return {
    startHost: (parts) => startNodeHost({ ...parts, load }),
    warmUp() {
      // The first start tells of a failure.
      load().catch(() => undefined);
    },
    async close() {
      const parts = await loaded?.catch(() => undefined);
      await parts?.runFolder?.close();
    },
  };
}

async function loadParts(options: NodeModeOptions): Promise<NodeProcessParts> {
  const { cacheDir, sandbox: choice = "auto", ceiling = {}, searchPath, shortPath = true } = options;
  const [sandbox, program, runFolder] = await Promise.all([
    resolveSandbox(choice, ceiling, searchPath),
    loadNodeProgram(cacheDir),
    shortPath ? makeRunFolder() : undefined,
  ]);
  return { sandbox, program, runFolder };
}
