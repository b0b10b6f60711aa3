export { type Build, type BuildOptions, buildFunction, reconfigure } from "./build.ts";
export { formatBytes } from "./build-error.ts";
export type { BuildIssue } from "./build-issue.ts";
export type { BundledFile } from "./bundler.ts";
export { type EnvTypesResult, writeEnvTypes } from "./env-types.ts";
export { displayPath, findFunctions, type LoadedFunction, loadFunction } from "./function-folder.ts";
export { initFunction } from "./init.ts";
export { type WatchOptions, watchFunction } from "./watch.ts";
export { watchFolders } from "./watch-folders.ts";
