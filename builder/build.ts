import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson, defaultRoutes, type FunctionConfig, type Manifest } from "../contracts/index.ts";
import { makeOwnFolder, sha256Hex } from "../machine/index.ts";
import { createBuildError, createNoHandlerError, createTooLargeError, hasHandler } from "./build-error.ts";
import { createIssue } from "./build-issue.ts";
import type { Build } from "./build-result.ts";
import { type Bundle, type Bundler, createBundler } from "./bundler.ts";
import { findMissingMetadata } from "./decorator-metadata.ts";
import { writeEnvTypes } from "./env-types.ts";
import { isProgram, type LoadedFunction, load, resolveFolder } from "./function-folder.ts";
import { buildsFolder, DESCRIPTORS_FILE, findKeptBuild, keepBuild } from "./kept-build.ts";
import { buildProgram } from "./program.ts";
import type { DeclaredServices } from "./proto/declared-services.ts";
import { writeProtoTypes } from "./proto/proto-types.ts";
import { unknownService } from "./proto/unknown-service.ts";
import type { UsedServices } from "./proto/used-services.ts";
import { findUncalledHandlers } from "./uncalled-handlers.ts";

export interface BuildOptions {
  /** Also writes `.narun/build/<name>/{bundle.js,bundle.js.map,manifest.json}` in the function's folder. Default true. */
  write?: boolean;
}

/**
 * Builds a function from its folder. The build of an earlier call is used again while nothing has changed. Errors: the errors of `loadFunction`; BUILD_FAILED and NODE_BUILTIN_IN_ISOLATE with
 * each place as text and in `fields.issues`; NO_HANDLER; BUNDLE_TOO_LARGE.
 */
export async function buildFunction(
  target: string | LoadedFunction,
  options: BuildOptions = {},
): Promise<Build> {
  const startedAt = Date.now();
  const startedMs = performance.now();
  const isKept = typeof target === "string" && options.write !== false;
  const kept = isKept ? await findKeptBuild(await resolveFolder(target)) : undefined;
  if (kept !== undefined) return kept;
  const fn = typeof target === "string" ? await load(target) : target;
  if (isProgram(fn)) return buildProgram(fn);
  await using bundler = await createBundler(sourceOf(fn));
  const build = await buildWith(bundler, fn, options);
  // A kept build knows the files of the bundle only.
  if (isKept && fn.config.grpc === undefined)
    await keepBuild(fn.dir, build, await bundler.lastReading(), startedAt);
  return { ...build, elapsedMs: performance.now() - startedMs };
}

/** Builds with a bundler, which keeps parsed files from its earlier builds. */
export async function buildWith(
  bundler: Bundler,
  fn: LoadedFunction,
  { write = true }: BuildOptions = {},
): Promise<Build> {
  const startedAt = performance.now();
  const result = await bundler.bundle();
  if (!result.ok) throw await createBuildError(fn, result.messages);
  const heaviest = result.files.sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1)).slice(0, 10);
  if (!hasHandler(result.exports)) throw createNoHandlerError(fn, result.exports);
  if (result.code.byteLength > fn.config.limits.maxBundleBytes) {
    throw createTooLargeError(fn, result.code.byteLength, heaviest);
  }
  const declared = await declaredBy(fn, result.services);
  const { services } = declared;
  const bundle = { ...result, services };
  const config = withServices(fn.config, services);
  const manifest = createManifest(config, bundle);
  if (write) {
    await writeBuild(fn, manifest, bundle);
    await writeEnvTypes(fn, { onlyPresent: true });
    if (services !== undefined) await writeProtoTypes(fn, { onlyPresent: true });
  }
  return {
    config,
    manifest,
    revision: sha256Hex(canonicalJson(manifest)),
    bundle: result.code,
    sourceMap: result.sourceMap,
    ...(services === undefined ? {} : { descriptors: services.descriptors }),
    elapsedMs: performance.now() - startedAt,
    heaviest,
    inputs: [...bundler.inputs, ...declared.paths],
    warnings: [
      ...result.warnings,
      ...findUncalledHandlers(result, fn.config),
      ...findMissingMetadata(result, fn.dir),
      ...declared.unknown.map(unknownService),
    ].map((message) => createIssue(message, fn.dir)),
  };
}

/** The same code under another configuration, which makes another revision. */
export function reconfigure(build: Build, changes: Partial<FunctionConfig>): Build {
  const config = { ...build.config, ...changes };
  const manifest = { ...build.manifest, config };
  return { ...build, config, manifest, revision: sha256Hex(canonicalJson(manifest)) };
}

/** The settings of a function that the bundler needs. */
export function sourceOf({ dir, entry, settings, config }: LoadedFunction, isMinified = true) {
  return { dir, entry, settings, mode: config.mode === "node" ? "node" : "isolate", isMinified } as const;
}

/** The services of the bundle, and the services that narun.yaml names beside them. Error: BUILD_FAILED. */
async function declaredBy(fn: LoadedFunction, services: UsedServices | undefined): Promise<DeclaredServices> {
  const others = otherServices(fn, services);
  if (others.length === 0) return { services, unknown: [], paths: [] };
  // The compiler takes 15 ms to evaluate.
  const { findDeclared } = await import("./proto/declared-services.ts");
  return findDeclared(fn, services, others);
}

function otherServices(
  { config }: LoadedFunction,
  services: Pick<UsedServices, "names"> | undefined,
): string[] {
  return config.grpc?.filter((name) => services?.names.includes(name) !== true) ?? [];
}

/** Names the services that the bundle implements, and adds their paths where narun.yaml names no routes. */
function withServices(config: FunctionConfig, services: UsedServices | undefined): FunctionConfig {
  if (services === undefined) return config;
  const hasOwnRoutes = canonicalJson(config.routes) !== canonicalJson(defaultRoutes(config.name));
  const routes = hasOwnRoutes ? config.routes : [...config.routes, ...services.routes];
  const grpc = [...new Set([...(config.grpc ?? []), ...services.names])].sort();
  return { ...config, grpc: grpc as FunctionConfig["grpc"], routes };
}

function createManifest(config: FunctionConfig, { code, sourceMap, services }: Bundle): Manifest {
  const fileOf = (bytes: Uint8Array) => ({ sha256: sha256Hex(bytes), size: bytes.byteLength });
  return {
    format: 1,
    config,
    bundle: fileOf(code),
    sourceMap: fileOf(sourceMap),
    ...(services === undefined ? {} : { descriptors: fileOf(services.descriptors) }),
  };
}

async function writeBuild(
  fn: LoadedFunction,
  manifest: Manifest,
  { code, sourceMap, services }: Bundle,
): Promise<void> {
  const folder = join(buildsFolder(fn.dir), fn.config.name);
  await makeOwnFolder(folder);
  await Promise.all([
    writeFile(join(folder, "bundle.js"), code),
    writeFile(join(folder, "bundle.js.map"), sourceMap),
    writeFile(join(folder, "manifest.json"), canonicalJson(manifest)),
    ...(services === undefined ? [] : [writeFile(join(folder, DESCRIPTORS_FILE), services.descriptors)]),
  ]);
}
