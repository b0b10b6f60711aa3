import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { messageOf } from "../contracts/index.ts";
import { runProgram } from "../machine/index.ts";
import type { Fetched, FetchOptions } from "./server-source.ts";
import { checkServer } from "./version.ts";

/** The release that is fetched. */
const RELEASE_VERSION = "2.15.1";
const RELEASES_URL = "https://github.com/nats-io/nats-server/releases/download";

/** How long a connection may take. Short: a machine without Internet goes on to the next source at once. */
const CONNECT_TIMEOUT_MS = 5_000;
/** How long a download may bring nothing before it has stalled. */
const STALL_TIMEOUT_MS = 15_000;
const UNPACK_TIMEOUT_MS = 60_000;

/** Go's names of the platforms that releases are built for. */
const PLATFORMS: Partial<Record<string, string>> = { linux: "linux", darwin: "darwin", freebsd: "freebsd" };
const ARCHITECTURES: Partial<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm7" };

export interface FetchReleaseOptions extends FetchOptions {
  /** Where the releases are. Default: nats-server's own release page. */
  releasesUrl?: string;
}

/**
 * Fetches the official release archive, checks it against the SHA256SUMS of the same release, and unpacks it into
 * `scratchDir`. A failure is a reason; rejects only when `signal` is aborted.
 */
export async function fetchRelease(options: FetchReleaseOptions): Promise<Fetched> {
  const { scratchDir, signal, onProgress, releasesUrl = RELEASES_URL } = options;
  const platform = PLATFORMS[process.platform];
  const architecture = ARCHITECTURES[process.arch];
  if (platform === undefined || architecture === undefined) {
    return {
      outcome: "failed",
      reason: `there is no release archive for ${process.platform} on ${process.arch}`,
    };
  }
  const release = `${releasesUrl}/v${RELEASE_VERSION}`;
  const name = `nats-server-v${RELEASE_VERSION}-${platform}-${architecture}`;
  const archive = join(scratchDir, `${name}.tar.gz`);
  try {
    onProgress?.({ stage: "release-download" });
    const sums = await (await openDownload(`${release}/SHA256SUMS`, signal)).text();
    const expected = parseSums(sums).get(`${name}.tar.gz`);
    if (expected === undefined)
      return { outcome: "failed", reason: `SHA256SUMS does not list ${name}.tar.gz` };
    const actual = await download(`${release}/${name}.tar.gz`, archive, options);
    if (actual !== expected) {
      return {
        outcome: "failed",
        reason: `${name}.tar.gz has SHA-256 ${actual}, its release says ${expected}`,
      };
    }
  } catch (error) {
    signal?.throwIfAborted();
    return { outcome: "failed", reason: reasonOf(error) };
  }
  onProgress?.({ stage: "unpack" });
  const unpacked = await runProgram("tar", ["-xzf", archive, "-C", scratchDir], {
    signal,
    timeoutMs: UNPACK_TIMEOUT_MS,
  });
  if (unpacked.outcome === "failed") return { outcome: "failed", reason: `tar: ${unpacked.reason}` };
  const path = join(scratchDir, name, "nats-server");
  const check = await checkServer(path, signal);
  if (check.outcome === "usable") return { outcome: "fetched", path, version: check.version };
  return {
    outcome: "failed",
    reason:
      check.outcome === "too-old"
        ? `the release is ${check.version}`
        : `the unpacked binary: ${check.reason}`,
  };
}

/** The digests in a SHA256SUMS file by file name: lines of `<hex>  <name>`. */
export function parseSums(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([0-9a-fA-F]{64})\s+\*?(\S+)\s*$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) sums.set(match[2], match[1].toLowerCase());
  }
  return sums;
}

/** Downloads to a file; the SHA-256 of its bytes, hex. */
async function download(
  url: string,
  path: string,
  { signal, onProgress }: FetchReleaseOptions,
): Promise<string> {
  const stall = new AbortController();
  const timer = setTimeout(() => stall.abort(new Error("the download stalled")), STALL_TIMEOUT_MS);
  try {
    const response = await openDownload(
      url,
      signal === undefined ? stall.signal : AbortSignal.any([signal, stall.signal]),
    );
    const totalBytes = Number(response.headers.get("content-length") ?? Number.NaN);
    const hash = createHash("sha256");
    let receivedBytes = 0;
    await pipeline(
      response.body ?? [],
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          timer.refresh();
          hash.update(chunk);
          receivedBytes += chunk.byteLength;
          onProgress?.({
            stage: "release-download",
            receivedBytes,
            ...(Number.isNaN(totalBytes) ? {} : { totalBytes }),
          });
          yield chunk;
        }
      },
      createWriteStream(path),
    );
    return hash.digest("hex");
  } finally {
    clearTimeout(timer);
  }
}

/** Sends a request and waits for the head of the answer, within CONNECT_TIMEOUT_MS. */
async function openDownload(url: string, signal: AbortSignal | undefined): Promise<Response> {
  const connect = new AbortController();
  const timer = setTimeout(
    () => connect.abort(new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1_000} s`)),
    CONNECT_TIMEOUT_MS,
  );
  try {
    const response = await fetch(url, {
      signal: signal === undefined ? connect.signal : AbortSignal.any([signal, connect.signal]),
    });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return response;
  } finally {
    clearTimeout(timer);
  }
}

/** The reason of a failure, with its cause: `fetch` itself says no more than that it failed. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)} (${messageOf(cause)})`;
}
