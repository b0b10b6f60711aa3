/**
 * Finds Deno, which speaks QUIC: where the user says, else in the cache, else from the package registry at the first use. The
 * version is pinned, and npm checks the digest of what comes.
 */
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NarunError } from "../../contracts/index.ts";
import { runProgram } from "../../machine/index.ts";

export const DENO_VERSION = "2.9.6";

/** Package of a platform → SHA-512 of its archive. Deno has none for Linux with musl. */
const DIGESTS: Readonly<Record<string, string>> = {
  "darwin-arm64": "V8uO1Aolrl/yvdMb5lOtgtigs8YuZBjrOrgviVMiYkQ0swymFfzkae1wZak4Xi24t7vf7d/eiMb/7ryjjVm+tg==",
  "darwin-x64": "tPi3CWPRdjW1MaWlvWjORE7Ass5SADdWdj1BF1Q1PEdzi+5u/mC5YhmZzniMiPr81PpaFeqjXaLAsfb8lFsZ0Q==",
  "linux-arm64-glibc":
    "poqhoH9B3nYloigEMPT5t8HY+wBeiuea1An5Q7fqgJzP0SYmWsoS/oUnWO/pEiA4ofzIBy1Elt/in58xKtxEoQ==",
  "linux-x64-glibc":
    "3md4TKLCuzsLDmfOoC5KN7NAZaxSVkMgm64vg6foD00JBADCpYS2/5QqXfzgnP5ZQz3iLP9vBQJtEgc116OAoQ==",
};

const FETCH_MS = 600_000;

export interface FindDenoOptions {
  /** The folder of narun's cache: Deno comes into its folder `deno-<version>`. */
  cacheDir: string;
  /** The path of a program, which is taken as it is. */
  given?: string | undefined;
  /** Where npm is looked for. */
  searchPath: string;
  /** It has to be fetched: about 40 MiB. */
  onFetch?(): void;
}

/** The path of Deno. Error: QUIC_UNAVAILABLE, with what was tried. */
export async function findDeno(options: FindDenoOptions): Promise<string> {
  const { cacheDir, given } = options;
  if (given !== undefined) return given;
  const platform = platformOf();
  const digest = DIGESTS[platform];
  if (digest === undefined)
    throw new NarunError("QUIC_UNAVAILABLE", { detail: `Deno has no program for ${platform}` });
  const folder = join(cacheDir, `deno-${DENO_VERSION}`);
  const program = join(folder, "node_modules", "@deno", platform, "deno");
  if (!existsSync(program)) await fetchDeno(folder, { platform, digest, ...options });
  return program;
}

function platformOf(): string {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform !== "linux") return base;
  const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } })
    .header;
  return `${base}-${glibcVersionRuntime === undefined ? "musl" : "glibc"}`;
}

/** By npm, with a lock of its own: it asks the registry that the user's npm is set to. */
async function fetchDeno(
  folder: string,
  { platform, digest, searchPath, onFetch }: FindDenoOptions & { platform: string; digest: string },
): Promise<void> {
  onFetch?.();
  const making = `${folder}.${process.pid}`;
  const name = `@deno/${platform}`;
  const dependencies = { [name]: DENO_VERSION };
  const entry = { version: DENO_VERSION, integrity: `sha512-${digest}` };
  const lock = { lockfileVersion: 3, packages: { "": { dependencies }, [`node_modules/${name}`]: entry } };
  await mkdir(making, { recursive: true });
  await writeFile(join(making, "package.json"), JSON.stringify({ private: true, dependencies }));
  await writeFile(join(making, "package-lock.json"), JSON.stringify(lock));
  const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", making];
  const env = { ...process.env, PATH: searchPath };
  const fetched = await runProgram("npm", args, { env, cwd: making, timeoutMs: FETCH_MS });
  try {
    if (fetched.outcome === "failed")
      throw new NarunError("QUIC_UNAVAILABLE", {
        detail: `npm could not fetch ${name}@${DENO_VERSION}: ${fetched.reason}`,
      });
    await rename(making, folder).catch((error: unknown) => {
      // Another process was first.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}
