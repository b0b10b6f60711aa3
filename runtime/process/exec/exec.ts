import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { StartHost } from "../../host.ts";
import { probeBubblewrap } from "../../isolate/bubblewrap.ts";
import { findCgroup, findLaunchers, type Means } from "./confinement.ts";
import { ExecHost } from "./exec-host.ts";
import { killMarked } from "./processes-of.ts";

export interface ExecOptions {
  /** The folder below which programs have their own folders. */
  cacheDir: string;
  node: string;
  /** `PATH`: where interpreters are looked for. Default: the system's own folders. */
  searchPath?: string | undefined;
}

/** The mode `exec` of a node-runner. */
export interface Exec {
  /** For `hosts.exec` of the node-runner. */
  readonly startHost: StartHost;
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Prepares the mode `exec`. Programs that an earlier runner of this node left behind, as it was killed, are ended. */
export async function prepareExec({ cacheDir, node, searchPath = SYSTEM_PATH }: ExecOptions): Promise<Exec> {
  const folder = join(cacheDir, "programs", node);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  killMarked({ NARUN_INSTANCE_ROOT: folder });
  let means: Promise<Means> | undefined;
  const findMeans = () => (means ??= look(searchPath));
  return { startHost: (parts) => new ExecHost({ parts, folder, searchPath, findMeans }) };
}

async function look(searchPath: string): Promise<Means> {
  const probe = await probeBubblewrap(searchPath);
  return {
    ...findLaunchers(searchPath),
    cgroup: findCgroup(),
    bubblewrap: probe.path === undefined ? probe.reason : { path: probe.path },
  };
}
