import type { FunctionConfig, Manifest } from "../contracts/index.ts";
import type { BuildIssue } from "./build-issue.ts";
import type { BundledFile } from "./bundler.ts";

/** A function that is ready for a push. */
export interface Build {
  config: FunctionConfig;
  manifest: Manifest;
  /** SHA-256 of the manifest. Equal source and configuration give the same digest on every machine. */
  revision: string;
  /** One ES module, minified unless it is for a debugger; or a program's file. */
  bundle: Uint8Array;
  /** The bundle's source map. Its paths are relative to the function's folder. That of a program is empty. */
  sourceMap: Uint8Array;
  /** A `google.protobuf.FileDescriptorSet` of the services that the function implements, if any. */
  descriptors?: Uint8Array;
  elapsedMs: number;
  /** The largest files in the bundle, at most ten, the largest first. */
  heaviest: BundledFile[];
  /** The absolute paths of all source files that were read. */
  inputs: string[];
  /** Doubts about a function that builds. */
  warnings: BuildIssue[];
}
