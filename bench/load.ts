/** Load by `wrk` over keep-alive connections, each with one request at a time. wrk costs the least itself. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { childrenCpuMs } from "./processes.ts";
import { parseWrk, type WrkResult } from "./wrk.ts";

export interface LoadResult extends WrkResult {
  /** The CPU time of the load maker itself, in milliseconds. Zero outside of Linux. */
  cpuMs: number;
}

export interface LoadOptions {
  url: string;
  connections: number;
  seconds: number;
  /** A POST with this body. Default: a GET. */
  body?: string;
  headers?: Readonly<Record<string, string>>;
  /** The paths that take turns, instead of the URL's own. */
  paths?: readonly string[];
}

/** Why there is no load. */
export const WRK_ABSENT = "wrk is not installed";

export function hasWrk(): boolean {
  return spawnSync("wrk", ["--version"]).error === undefined;
}

export async function load(options: LoadOptions): Promise<LoadResult> {
  const folder = await mkdtemp(join(tmpdir(), "narun-bench-wrk-"));
  try {
    const script = join(folder, "request.lua");
    await writeFile(script, formatScript(options));
    const cpuBefore = childrenCpuMs();
    const result = parseWrk(await runWrk(options, script));
    return { ...result, cpuMs: childrenCpuMs() - cpuBefore };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runWrk({ connections, seconds, url }: LoadOptions, script: string): Promise<string> {
  const span = `${Math.ceil(seconds)}s`;
  const args = ["-t", "1", "-c", String(connections), "-d", span, "--latency", "-s", script, url];
  const child = spawn("wrk", args, { stdio: ["ignore", "pipe", "inherit"] });
  // wrk knows whole seconds only. An interrupt ends it with its report.
  const timer = Number.isInteger(seconds)
    ? undefined
    : setTimeout(() => child.kill("SIGINT"), seconds * 1_000);
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => resolve());
  });
  const [output] = await Promise.all([text(child.stdout), ended]).finally(() => clearTimeout(timer));
  return output;
}

function formatScript({ body, headers = {}, paths }: LoadOptions): string {
  const lines = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  if (body !== undefined) lines.push(`wrk.method = "POST"`, `wrk.body = ${JSON.stringify(body)}`);
  if (paths !== undefined) lines.push(formatTurns(paths));
  return lines.join("\n");
}

/** The requests are formed once, before the first is sent. */
function formatTurns(paths: readonly string[]): string {
  return `
local paths = { ${paths.map((path) => JSON.stringify(path)).join(", ")} }
local requests = {}
local turn = 0
function init()
  for index, path in ipairs(paths) do requests[index] = wrk.format(nil, path) end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end`;
}
