import { mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { identifyProcess, isRunning } from "../../../machine/index.ts";
import type { StartHost } from "../../host.ts";
import { probeBubblewrap } from "../../isolate/bubblewrap.ts";
import { findCgroup } from "./cgroup.ts";
import { findLaunchers, type Means } from "./confinement.ts";
import { ExecHost } from "./exec-host.ts";
import { type Job, type JobOptions, startJob } from "./job.ts";
import { endMarked } from "./processes-of.ts";

export interface ExecOptions {
  /** The folder below which programs have their own folders. */
  cacheDir: string;
  /** `PATH`: where interpreters are looked for. Default: the system's own folders. */
  searchPath?: string | undefined;
}

/** The mode `exec` of a node-runner. */
export interface Exec {
  /** For `hosts.exec` of the node-runner. */
  readonly startHost: StartHost;
  /** Starts a program that runs to its end. Errors: NODE_CANNOT_CONFINE, PROGRAM_UNFIT, PROGRAM_NOT_STARTED. */
  startJob(options: JobOptions): Promise<Job>;
  /** Removes the runner's folder. Its programs have ended with their hosts. */
  close(): Promise<void>;
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Prepares the mode `exec`. Programs that an earlier runner of this folder left behind, as it was killed, are ended. */
export async function prepareExec({ cacheDir, searchPath = SYSTEM_PATH }: ExecOptions): Promise<Exec> {
  // Programs work in their own folders: a relative path would lead elsewhere.
  const all = resolve(cacheDir, "programs");
  const { pid, startTime } = identifyProcess(process.pid);
  const folder = join(all, `${pid}-${startTime ?? ""}`);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await endLeftovers(all);
  let means: Promise<Means> | undefined;
  const findMeans = () => (means ??= lookForMeans(searchPath));
  return {
    startHost: (parts) => new ExecHost({ parts, folder, searchPath, findMeans }),
    startJob: async (options) => startJob({ folder, searchPath, means: await findMeans() }, options),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Ends the programs of runners that are dead. Other runners of this machine may share the folder. */
async function endLeftovers(all: string): Promise<void> {
  for (const name of await readdir(all)) {
    const [, pid, startTime = ""] = /^(\d+)-(\d*)$/.exec(name) ?? [];
    if (pid === undefined || isRunning({ pid: Number(pid), startTime: startTime || null })) continue;
    const folder = join(all, name);
    await endMarked({ folder }, folder);
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** The means of this machine to enforce limits. */
export async function lookForMeans(searchPath: string): Promise<Means> {
  const probe = await probeBubblewrap(searchPath);
  return {
    ...findLaunchers(searchPath),
    cgroup: findCgroup(),
    bubblewrap: probe.path === undefined ? probe.reason : { path: probe.path },
  };
}
