import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { findNatsServer } from "../../nats-server/index.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the nats-server that the tests use. */
    natsServer: string;
    /** Where the nodes of all worlds keep bundles and the platform's snapshot: only the first has to make that. */
    nodeCache: string;
  }
}

/** Finds a nats-server once, or fetches it into the user's cache folder, so that no test file has to. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { path } = await findNatsServer();
  project.provide("natsServer", path);
  const nodeCache = await mkdtemp(join(tmpdir(), "narun-test-cache-"));
  project.provide("nodeCache", nodeCache);
  return () => rm(nodeCache, { recursive: true, force: true });
}
