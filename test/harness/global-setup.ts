import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { findNatsServer } from "../../nats-server/index.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the nats-server for the tests. */
    natsServer: string;
    /** The common cache of the nodes of all worlds, for bundles and the platform's snapshot. Only the first node makes that. */
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
  project.provide("nodeCache", nodeCache);
  return () => rm(nodeCache, { recursive: true, force: true });
}
