import { enableCompileCache } from "node:module";
import { dirname, join } from "node:path";
import { mainFile } from "./main-file.ts";

/**
 * Keeps the code that V8 compiles of built files beside them, for later starts and for the processes that this one starts; sources
 * have a cache of Node's own. To be called when this process has set its flags: V8 takes code only with the flags that it was made
 * with, and Node has a folder for each set of flags, as they are at this call. Commands of two kinds would replace each other's code.
 */
export function keepCompiledCode(environment: NodeJS.ProcessEnv): void {
  // The user's own cache, or that of the process that started this one: Node has opened it.
  if (environment.NODE_COMPILE_CACHE) return;
  if (!mainFile.endsWith(".mjs")) return void enableCompileCache();
  const folder = join(dirname(mainFile), "compiled");
  enableCompileCache(folder);
  environment.NODE_COMPILE_CACHE = folder;
}
