/**
 * A program that runs to its end: its folder, its confinement, its processes. It takes no requests, and has no way to NATS.
 *
 * I1  After `ended` nothing of it is left: no process, no folder.
 */
import { rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  EXECUTABLE_HEAD_BYTES,
  type FunctionConfig,
  type LogLevel,
  MIB,
  messageOf,
  NarunError,
} from "../../../contracts/index.ts";
import type { KeptFile } from "../../host.ts";
import { leaveCgroup, makeProgramCgroup } from "./cgroup.ts";
import { type Child, type ChildEnd, startChild } from "./child.ts";
import { type Confined, confine, DEFAULT_FOLDER_MB, idsOf, type Means } from "./confinement.ts";
import { environmentOf } from "./environment.ts";
import { watchFolder } from "./folder-watch.ts";
import { makeInstanceFolder } from "./instance-folder.ts";
import { missingInterpreter, unfitFor } from "./launch.ts";
import { readLines } from "./output-lines.ts";
import { createMark } from "./process-mark.ts";

export interface JobOptions {
  /** Names its folder: another one for each start. */
  instance: string;
  revision: string;
  node: string;
  config: FunctionConfig;
  /** Its file. In the mode `node` it is a module of JavaScript. */
  bytes: Uint8Array;
  /** Its variables besides those of every program; they win over the configuration's. */
  env: Readonly<Record<string, string>>;
  onLine(level: LogLevel, line: string, stream: "stdout" | "stderr"): void;
}

export interface Job {
  readonly pid: number;
  readonly ended: Promise<ChildEnd>;
  /** SIGTERM, and SIGKILL to all that is left after the grace. */
  stop(graceMs: number): Promise<ChildEnd>;
}

export interface JobPlace {
  /** The folder of all programs of the node. */
  folder: string;
  searchPath: string;
  means: Means;
}

/** How long the last output of a program that has ended may take. */
const LAST_LINES_MS = 500;

/** Starts a program. Errors: NODE_CANNOT_CONFINE, PROGRAM_UNFIT, PROGRAM_NOT_STARTED. */
export async function startJob(place: JobPlace, options: JobOptions): Promise<Job> {
  const { instance, config, bytes } = options;
  const { folder, searchPath, means } = place;
  const mark = { runId: crypto.randomUUID(), mark: createMark(folder) };
  const confined = confine({ config, means, root: join(folder, instance), instance, mark: mark.mark });
  if (typeof confined === "string") throw new NarunError("NODE_CANNOT_CONFINE", { detail: confined });
  checkFile(place, options);
  const file = config.command ?? config.name;
  const owner = config.user === undefined || !means.isRoot ? undefined : idsOf(config.user);
  const root = await makeInstanceFolder({ folder, instance, program: heldFile(bytes), file, owner });
  const path = join(root, basename(file));
  const own = config.mode === "node" ? [process.execPath, path] : [path];
  const command = [...confined.launchers, ...own, ...(config.args ?? [])];
  const env = variablesOf(options, { root, searchPath, runId: mark.runId });
  const { cgroup } = confined;
  try {
    if (cgroup !== undefined) makeProgramCgroup(cgroup, config);
    const child = await startChild({ command, cwd: root, env, mark, cgroup });
    return follow(child, root, confined, options);
  } catch (error) {
    await rm(root, { recursive: true, force: true });
    if (error instanceof NarunError) throw error;
    throw new NarunError("PROGRAM_NOT_STARTED", { detail: messageOf(error) }, { cause: error });
  }
}

/** Errors: PROGRAM_UNFIT, PROGRAM_NOT_STARTED. */
function checkFile({ searchPath }: JobPlace, { config, bytes, node }: JobOptions): void {
  if (config.mode === "node") return;
  const head = bytes.subarray(0, EXECUTABLE_HEAD_BYTES);
  const unfit = unfitFor(head, bytes.byteLength, node);
  if (unfit !== undefined) throw new NarunError("PROGRAM_UNFIT", { detail: unfit });
  const missing = missingInterpreter(head, searchPath);
  if (missing === undefined) return;
  throw new NarunError("PROGRAM_NOT_STARTED", {
    detail: `its interpreter ${missing} is not on node ${node}`,
  });
}

function follow(child: Child, root: string, { cgroup }: Confined, { config, onLine }: JobOptions): Job {
  const { folderMB = DEFAULT_FOLDER_MB } = config;
  const onOver = () => {
    onLine("error", `its folder holds over ${folderMB} MiB (folderMB)`, "stderr");
    void child.stop(0);
  };
  const stopWatching = watchFolder({ root, maxBytes: folderMB * MIB, onOver });
  const output = Promise.all([
    readLines(child.stdout, (line) => onLine("info", line, "stdout")),
    readLines(child.stderr, (line) => onLine("warn", line, "stderr")),
  ]);
  const ended = child.ended.then(async (end) => {
    stopWatching();
    await Promise.race([output, new Promise((resolve) => setTimeout(resolve, LAST_LINES_MS))]);
    if (cgroup !== undefined) leaveCgroup(cgroup);
    await rm(root, { recursive: true, force: true }).catch(() => undefined);
    return end;
  });
  return { pid: child.pid, ended, stop: (graceMs) => child.stop(graceMs).then(() => ended) };
}

/** A file whose bytes are in memory. */
function heldFile(bytes: Uint8Array): KeptFile {
  return {
    size: bytes.byteLength,
    head: async (count) => bytes.subarray(0, count),
    copyTo: (path) => writeFile(path, bytes),
  };
}

function variablesOf(
  { config, instance, revision, node, env }: JobOptions,
  { root, searchPath, runId }: { root: string; searchPath: string; runId: string },
): Record<string, string> {
  const { NATS_URL, NATS_USER, NATS_PASSWORD, ...own } = environmentOf({
    ...{ config, instance, runId, revision, index: 0, node, root, searchPath, secrets: {} },
    ...{ natsUrl: "", natsUser: "", natsPassword: "" },
  });
  // The marks by which a node finds the processes of a program are no caller's.
  const { NARUN_RUN_ID, NARUN_INSTANCE_ROOT } = own;
  return {
    ...own,
    ...env,
    ...(NARUN_RUN_ID && { NARUN_RUN_ID }),
    ...(NARUN_INSTANCE_ROOT && { NARUN_INSTANCE_ROOT }),
  };
}
