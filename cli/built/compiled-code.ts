import { enableCompileCache } from "node:module";
import { dirname, join } from "node:path";
import { mainFile } from "./main-file.ts";

/**
 * Keeps the code that V8 compiles of built files beside them, for later starts and for the processes that this one starts; sources
 * have a cache of Node's own. `flags` names the flags that this process has set: V8 takes code only with the flags that it was made
 * with, and commands of two kinds would replace each other's code at each start.
 */
export function keepCompiledCode(flags: "staying" | "passing", environment: NodeJS.ProcessEnv): void {
  // The user's own cache, or that of the process that started this one: Node has opened it.
  if (environment.NODE_COMPILE_CACHE) return;
  if (!mainFile.endsWith(".mjs")) return void enableCompileCache();
  const folder = join(dirname(mainFile), "compiled", flags);
  enableCompileCache(folder);
  environment.NODE_COMPILE_CACHE = folder;
}
