import { createRequire } from "node:module";
import { join } from "node:path";
import { userCacheDir } from "../../nats-server/index.ts";

const { findMain } = createRequire(import.meta.url)("../../bin/built.cjs") as {
  findMain(source: string, cacheFolder: string): Promise<string>;
};

/**
 * The main file of the command line in its built form, as `narun` starts it. It is built again after each change of a source.
 * A start of the sources takes twice as long; `cli/parent-channel.test.ts` has one.
 */
export const narunMain: string = await findMain(
  join(import.meta.dirname, "..", "..", "cli", "main.ts"),
  join(userCacheDir(process.env), "built"),
);
