import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { sha256Hex } from "../machine/sha256.ts";
import { fetchRelease, parseSums } from "./fetch-release.ts";
import type { ServerProgress } from "./server-source.ts";

let dir: string;
let scratchDir: string;
let pages: Server;
let releasesUrl: string;
let archive: Buffer;
let sums: (name: string) => string;
let archiveName: string | undefined;

/** A release page with one archive, made of the binary that the tests use. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "narun-test-release-"));
  pages = createServer(async (request, response) => {
    const name = request.url?.split("/").at(-1) ?? "";
    if (request.url?.startsWith("/none/")) {
      response.writeHead(404).end();
    } else if (name === "SHA256SUMS") {
      response.end(sums(archiveName ?? ""));
    } else if (name === `${archiveName}`) {
      response.setHeader("content-length", archive.byteLength).end(archive);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
  const address = pages.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  releasesUrl = `http://127.0.0.1:${address.port}`;
  await makeArchive();
});
afterAll(async () => {
  pages.close();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  scratchDir = await mkdtemp(join(dir, "scratch-"));
  sums = (name) => `${sha256Hex(archive)}  ${name}\n`;
});

/** The archive's name is asked of the code under test: it says which one it misses. */
async function makeArchive(): Promise<void> {
  sums = () => "";
  const missing = await fetchRelease({ scratchDir: dir, releasesUrl });
  archiveName =
    missing.outcome === "failed" ? /nats-server-v\S+\.tar\.gz/.exec(missing.reason)?.[0] : undefined;
  const name = archiveName?.replace(".tar.gz", "") ?? "";
  await mkdir(join(dir, name));
  await copyFile(inject("natsServer"), join(dir, name, "nats-server"));
  await promisify(execFile)("tar", ["-czf", join(dir, "archive"), "-C", dir, name]);
  archive = await readFile(join(dir, "archive"));
}

test("names the archive by version and platform", () => {
  expect(archiveName).toMatch(
    /^nats-server-v2\.\d+\.\d+-(linux|darwin|freebsd)-(amd64|arm64|arm7)\.tar\.gz$/,
  );
});

test("downloads the archive with progress, checks and unpacks it", async () => {
  const progress: ServerProgress[] = [];
  const fetched = await fetchRelease({ scratchDir, releasesUrl, onProgress: (step) => progress.push(step) });
  expect(fetched).toMatchObject({ outcome: "fetched", path: expect.stringContaining(scratchDir) });
  const total = archive.byteLength;
  expect(progress).toContainEqual({ stage: "release-download", receivedBytes: total, totalBytes: total });
  expect(progress.at(-1)).toEqual({ stage: "unpack" });
});

test("refuses an archive with another digest than in SHA256SUMS", async () => {
  sums = (name) => `${"0".repeat(64)}  ${name}\n`;
  const fetched = await fetchRelease({ scratchDir, releasesUrl });
  expect(fetched).toMatchObject({ outcome: "failed", reason: expect.stringContaining(sha256Hex(archive)) });
});

test("says that a release has no such archive, or is not there", async () => {
  sums = () => "";
  expect(await fetchRelease({ scratchDir, releasesUrl })).toMatchObject({
    reason: expect.stringContaining("SHA256SUMS does not list"),
  });
  expect(await fetchRelease({ scratchDir, releasesUrl: `${releasesUrl}/none` })).toMatchObject({
    reason: expect.stringContaining("answered 404"),
  });
});

test("says why a page cannot be reached", async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const address = closed.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await new Promise((resolve) => closed.close(resolve));
  expect(await fetchRelease({ scratchDir, releasesUrl: `http://127.0.0.1:${port}` })).toMatchObject({
    outcome: "failed",
    reason: expect.stringContaining("ECONNREFUSED"),
  });
});

test("rejects with the reason of an abort", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(fetchRelease({ scratchDir, releasesUrl, signal })).rejects.toThrow("enough");
});

test("reads SHA256SUMS", () => {
  const digest = "a".repeat(64);
  expect(parseSums(`${digest}  one.tar.gz\n${digest.toUpperCase()} *two.zip\nnonsense\n`)).toEqual(
    new Map([
      ["one.tar.gz", digest],
      ["two.zip", digest],
    ]),
  );
});
