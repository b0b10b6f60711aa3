import { constants } from "node:fs";
import { access, chmod, copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { messageOf, NarunError } from "../contracts/index.ts";
import { fetchApt } from "./fetch-apt.ts";
import { fetchRelease } from "./fetch-release.ts";
import type { Fetched, FetchOptions, ServerProgress, ServerSource } from "./server-source.ts";
import { checkServer } from "./version.ts";

export interface NamedServer {
  path: string;
  /** As `NARUN_NATS_SERVER`. */
  by: string;
}

export interface FindServerOptions {
  /** This binary and no other, and the setting that names it, for errors. */
  named?: NamedServer | undefined;
  /** Where a fetched binary is kept. Default: `narun` in the user's cache folder. */
  cacheDir?: string | undefined;
  /** Ends a search or a fetch; the promise rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** Called while a binary is fetched, often. */
  onProgress?: ((progress: ServerProgress) => void) | undefined;
  /** `PATH`, `XDG_CACHE_HOME` and `HOME` say where binaries and caches are. */
  env: Readonly<NodeJS.ProcessEnv>;
  /** Where a binary is fetched from, in this order. Default: the official release, then the machine's apt mirror. */
  fetchers?: readonly ServerFetcher[];
}

export interface ServerFetcher {
  source: ServerSource;
  /** For the error's list of attempts. */
  label: string;
  fetch(options: FetchOptions): Promise<Fetched>;
}

export interface FoundServer {
  path: string;
  version: string;
  source: ServerSource;
}

const FETCHERS: readonly ServerFetcher[] = [
  { source: "release", label: "official release", fetch: fetchRelease },
  { source: "apt", label: "apt mirror of this machine", fetch: fetchApt },
];

/**
 * Finds a nats-server of at least 2.14: the named one, `PATH`, the user's cache folder; or else fetches one into that
 * folder. Several processes may do so at once. Errors: NATS_TOO_OLD, where the named binary is too old;
 * NATS_SERVER_NOT_FOUND, which lists every attempt with its reason.
 */
export async function findNatsServer(options: FindServerOptions): Promise<FoundServer> {
  const { named, signal, env } = options;
  if (named !== undefined) return useNamed(named, signal);

  const attempts: string[] = [];
  const cached = join(
    options.cacheDir ?? userCacheDir(env),
    `nats-server-${process.platform}-${process.arch}`,
  );
  const candidates: { path: string; source: ServerSource }[] = [
    ...searchPath(env).map((path) => ({ path, source: "path" as const })),
    { path: cached, source: "cache" },
  ];
  for (const { path, source } of candidates) {
    if (!(await isExecutable(path))) continue;
    const check = await checkServer(path, signal);
    if (check.outcome === "usable") return { path, version: check.version, source };
    attempts.push(`${path}: ${check.outcome === "too-old" ? `${check.version} is too old` : check.reason}`);
  }
  if (attempts.length === 0) attempts.push("PATH and cache folder: none there");

  for (const { source, label, fetch } of options.fetchers ?? FETCHERS) {
    const fetched = await fetchInto(cached, fetch, options).catch((error: unknown): Fetched => {
      signal?.throwIfAborted();
      return { outcome: "failed", reason: messageOf(error) };
    });
    if (fetched.outcome === "fetched") return { path: fetched.path, version: fetched.version, source };
    attempts.push(`${label}: ${fetched.reason}`);
  }
  throw new NarunError("NATS_SERVER_NOT_FOUND", {
    detail: attempts.map((attempt) => `\n  - ${attempt}`).join(""),
    attempts,
  });
}

/** The folder for files that can be fetched again. */
export function userCacheDir(env: Readonly<NodeJS.ProcessEnv>): string {
  // Relative paths are to be ignored, says the XDG base directory specification.
  if (env.XDG_CACHE_HOME !== undefined && isAbsolute(env.XDG_CACHE_HOME)) {
    return join(env.XDG_CACHE_HOME, "narun");
  }
  const home = env.HOME ?? homedir();
  return process.platform === "darwin"
    ? join(home, "Library", "Caches", "narun")
    : join(home, ".cache", "narun");
}

/** A named binary is the only candidate: another one in its place would be a surprise. */
async function useNamed({ path, by }: NamedServer, signal: AbortSignal | undefined): Promise<FoundServer> {
  const check = await checkServer(path, signal);
  const where = `${path} (from ${by})`;
  switch (check.outcome) {
    case "usable":
      return { path, version: check.version, source: "named" };
    case "too-old":
      throw new NarunError("NATS_TOO_OLD", { detail: `found ${check.version} in ${where}` });
    case "unusable":
      throw new NarunError("NATS_SERVER_NOT_FOUND", { detail: `${where}: ${check.reason}` });
  }
}

function searchPath(env: Readonly<NodeJS.ProcessEnv>): string[] {
  return (env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, process.platform === "win32" ? "nats-server.exe" : "nats-server"));
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Fetches into a temporary folder, then moves the binary to its place in one step: no process runs half of one. */
async function fetchInto(
  place: string,
  fetch: ServerFetcher["fetch"],
  { signal, onProgress }: FindServerOptions,
): Promise<Fetched> {
  const scratchDir = await mkdtemp(join(tmpdir(), "narun-nats-server-"));
  const staged = `${place}.${crypto.randomUUID()}`;
  try {
    const fetched = await fetch({ scratchDir, signal, onProgress });
    if (fetched.outcome === "failed") return fetched;
    await mkdir(dirname(place), { recursive: true });
    // A rename works within one file system only, so the copy comes first.
    await copyFile(fetched.path, staged);
    await chmod(staged, 0o755);
    await rename(staged, place);
    return { ...fetched, path: place };
  } finally {
    await rm(staged, { force: true });
    await rm(scratchDir, { recursive: true, force: true });
  }
}
