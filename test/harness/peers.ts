/** Programs of others that tests run, built by the scripts of `test/peers/`. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The path of a program; undefined where it was not built. Its tests say so, and skip. `name`: with its version. */
export function peerProgram(name: string): string | undefined {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const path = join(cache, "narun", "peers", name);
  return existsSync(path) ? path : undefined;
}
