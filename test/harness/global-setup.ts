import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { findNatsServer, userCacheDir } from "../../nats-server/index.ts";
import { loadHostProgram } from "../../runtime/isolate/image/host-program.ts";
import { loadSnapshot } from "../../runtime/isolate/image/snapshot.ts";
import { loadNodeProgram } from "../../runtime/process/node/node-programs.ts";
import { copyImages } from "./images.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the nats-server for the tests. */
    natsServer: string;
    /** The common cache of the nodes of all worlds: their images (`images.ts`), and bundles. */
    nodeCache: string;
    /** How long a test may take: `--testTimeout` on a busy machine. */
    testTimeoutMs: number;
  }
}

/** Finds a nats-server once for all test files, or fetches it into the user's cache folder, and builds the command line. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { NARUN_NATS_SERVER } = process.env;
  const named = NARUN_NATS_SERVER ? { path: NARUN_NATS_SERVER, by: "NARUN_NATS_SERVER" } : undefined;
  const { path } = await findNatsServer({ named, env: process.env });
  project.provide("natsServer", path);
  project.provide("testTimeoutMs", project.config.testTimeout);
  await import("./narun-main.ts");
  const nodeCache = await mkdtemp(join(tmpdir(), "narun-test-cache-"));
  await makeImages(nodeCache);
  project.provide("nodeCache", nodeCache);
  return () => rm(nodeCache, { recursive: true, force: true });
}

/** Makes the images where sources have changed since the run before. Sources that cannot be bundled fail the tests of nodes alone. */
async function makeImages(nodeCache: string): Promise<void> {
  const kept = join(userCacheDir(process.env), "tested");
  // File systems may keep dates in whole seconds.
  const startedMs = Math.floor(Date.now() / 1_000) * 1_000;
  await Promise.allSettled([loadSnapshot(kept), loadHostProgram(kept), loadNodeProgram(kept)]);
  copyImages(kept, nodeCache, startedMs);
}
