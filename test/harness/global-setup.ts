import type { TestProject } from "vitest/node";
import { findNatsServer } from "../../nats/index.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the nats-server that the tests use. */
    natsServer: string;
  }
}

/** Finds a nats-server once, or fetches it into the user's cache folder, so that no test file has to. */
export default async function setup(project: TestProject): Promise<void> {
  const { path } = await findNatsServer();
  project.provide("natsServer", path);
}
