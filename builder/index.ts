export { type Build, type BuildOptions, buildFunction, reconfigure } from "./build.ts";
export { formatBytes } from "./build-error.ts";
export type { BuildIssue } from "./build-issue.ts";
export type { BundledFile } from "./bundler.ts";
export { type EnvTypesResult, writeEnvTypes } from "./env-types.ts";
export { displayPath, findFunctions, type LoadedFunction, loadFunction } from "./function-folder.ts";
export { initFunction } from "./init.ts";
export { type PushOptions, type PushProgress, type PushResult, pushBuild } from "./push.ts";
export {
  listRevisions,
  type RevisionSummary,
  type RollbackResult,
  removeFunction,
  rollback,
} from "./revisions.ts";
export type { WhyUntried } from "./trial.ts";
export { type WatchOptions, watchFunction } from "./watch.ts";
export { watchFolders } from "./watch-folders.ts";
