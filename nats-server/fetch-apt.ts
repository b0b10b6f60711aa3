import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, type ProgramResult, runProgram } from "../machine/index.ts";
import {
  type AptEntry,
  type AptMirror,
  decideAptMirror,
  formatAptSource,
  parseAptSources,
  parseOsRelease,
} from "./apt-sources.ts";
import type { Fetched, FetchOptions } from "./server-source.ts";
import { checkServer } from "./version.ts";

const PACKAGE = "nats-server";
const UPDATE_TIMEOUT_MS = 120_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;
const TOOL_TIMEOUT_MS = 30_000;

/**
 * Fetches the `nats-server` package of the newest suite that the machine's own apt mirror carries, and unpacks it
 * into `scratchDir`. apt runs with a private state, so nothing of the system changes. A failure is a reason; rejects
 * only when `signal` is aborted.
 */
export async function fetchApt(options: FetchOptions): Promise<Fetched> {
  const { signal } = options;
  const mirror = await findAptMirror();
  if (mirror === undefined) {
    return { outcome: "failed", reason: "this machine has no apt source of a Debian or Ubuntu mirror" };
  }
  const architecture = await runProgram("dpkg", ["--print-architecture"], {
    signal,
    timeoutMs: TOOL_TIMEOUT_MS,
  });
  if (architecture.outcome === "failed") return { outcome: "failed", reason: `dpkg: ${architecture.reason}` };

  const reasons: string[] = [];
  for (const suite of mirror.suites) {
    const source = formatAptSource(mirror, suite, architecture.stdout.trim());
    const fetched = await fetchFromSuite(join(options.scratchDir, suite), source, options);
    if (fetched.outcome === "fetched") return fetched;
    reasons.push(`${suite}: ${fetched.reason}`);
  }
  return { outcome: "failed", reason: reasons.join(" | ") };
}

/** The mirror of this machine's apt; undefined on other distributions, or where there is none. */
export async function findAptMirror(): Promise<AptMirror | undefined> {
  const osRelease = parseOsRelease(await readIfPresent("/etc/os-release"));
  const parts = await readdir("/etc/apt/sources.list.d").catch(() => []);
  const files = [
    "/etc/apt/sources.list",
    ...parts
      .filter((name) => /\.(list|sources)$/.test(name))
      .sort()
      .map((name) => join("/etc/apt/sources.list.d", name)),
  ];
  const entries: AptEntry[] = [];
  for (const file of files) entries.push(...parseAptSources(file, await readIfPresent(file)));
  return decideAptMirror(entries, osRelease);
}

/** Downloads and unpacks the package of one suite in a folder of its own. */
async function fetchFromSuite(
  dir: string,
  source: string,
  { signal, onProgress }: FetchOptions,
): Promise<Fetched> {
  const configFile = await prepareAptState(dir, source);
  const run = (program: string, args: string[], timeoutMs: number): Promise<ProgramResult> =>
    runProgram(program, args, {
      cwd: join(dir, "package"),
      env: { ...process.env, LC_ALL: "C" },
      signal,
      timeoutMs,
    });
  onProgress?.({ stage: "apt-index" });
  const updated = await run("apt-get", ["-q", "-c", configFile, "update"], UPDATE_TIMEOUT_MS);
  if (updated.outcome === "failed") return { outcome: "failed", reason: updated.reason };
  onProgress?.({ stage: "apt-download" });
  const downloaded = await run("apt-get", ["-q", "-c", configFile, "download", PACKAGE], DOWNLOAD_TIMEOUT_MS);
  if (downloaded.outcome === "failed") return { outcome: "failed", reason: downloaded.reason };

  onProgress?.({ stage: "unpack" });
  const archive = (await readdir(join(dir, "package"))).find((name) => name.endsWith(".deb"));
  if (archive === undefined) return { outcome: "failed", reason: "apt-get download left no package" };
  const unpacked = await run("dpkg-deb", ["-x", archive, join(dir, "root")], TOOL_TIMEOUT_MS);
  if (unpacked.outcome === "failed") return { outcome: "failed", reason: `dpkg-deb: ${unpacked.reason}` };
  return checkUnpacked(join(dir, "root"), signal);
}

async function checkUnpacked(root: string, signal: AbortSignal | undefined): Promise<Fetched> {
  const path = ["usr/sbin", "usr/bin"].map((folder) => join(root, folder, PACKAGE)).find(existsSync);
  if (path === undefined) return { outcome: "failed", reason: "the package has no nats-server" };
  const check = await checkServer(path, signal);
  switch (check.outcome) {
    case "usable":
      return { outcome: "fetched", path, version: check.version };
    case "too-old":
      return { outcome: "failed", reason: `the package is ${check.version}` };
    case "unusable":
      // The binary may need a newer libc.
      return { outcome: "failed", reason: `the packaged binary: ${check.reason}` };
  }
}

/** Writes apt's private state and configuration; the path of the latter. */
async function prepareAptState(dir: string, source: string): Promise<string> {
  for (const folder of [
    "state/lists/partial",
    "cache/archives/partial",
    "log",
    "sources",
    "none",
    "package",
  ]) {
    await mkdir(join(dir, folder), { recursive: true });
  }
  await writeFile(join(dir, "sources", "narun.sources"), source);
  const configFile = join(dir, "apt.conf");
  await writeFile(
    configFile,
    [
      // Hooks of the machine would work on the machine's own state.
      "#clear APT::Update::Pre-Invoke;",
      "#clear APT::Update::Post-Invoke;",
      "#clear APT::Update::Post-Invoke-Success;",
      "#clear APT::Default-Release;",
      `Dir::State "${dir}/state";`,
      `Dir::State::lists "${dir}/state/lists";`,
      'Dir::State::status "/dev/null";',
      `Dir::Cache "${dir}/cache";`,
      `Dir::Cache::archives "${dir}/cache/archives";`,
      `Dir::Log "${dir}/log";`,
      'Dir::Etc::sourcelist "/dev/null";',
      `Dir::Etc::sourceparts "${dir}/sources";`,
      'Dir::Etc::preferences "/dev/null";',
      `Dir::Etc::preferencesparts "${dir}/none";`,
      // Without it, root gets a warning that apt's own user cannot write here.
      'APT::Sandbox::User "root";',
      'APT::Update::Error-Mode "any";',
      'Acquire::Retries "1";',
      'Acquire::http::Timeout "10";',
      'Acquire::https::Timeout "10";',
      "",
    ].join("\n"),
  );
  return configFile;
}

/** The text of a file; empty where it is not there, as for a machine without apt. */
async function readIfPresent(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    if (["ENOENT", "EACCES", "ENOTDIR"].includes(errnoOf(error) ?? "")) return "";
    throw error;
  });
}
