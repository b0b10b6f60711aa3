/** Runs esbuild: an entry file becomes one ES module with a source map. */
import { builtinModules } from "node:module";
import { dirname, relative, resolve, sep } from "node:path";
import type * as esbuild from "esbuild";
import { holdCompiler } from "../machine/index.ts";
import { findAsyncRequires, findMissingAwaits } from "./async-modules.ts";
import { editBundle } from "./bundle-edits.ts";
import type { BundleMessage } from "./bundle-message.ts";
import { BUNDLE_FILE, type BundleSource, bundleOptions } from "./bundle-options.ts";
import { findDisabledModules } from "./disabled-modules.ts";
import { findWays, placeIndependentSource } from "./place-independent.ts";
import { SDK_FOLDER } from "./proto/proto-modules.ts";
import { GOOGLE_NAMESPACE, protoFileOf } from "./proto/proto-paths.ts";
import { findServices, type UsedServices } from "./proto/used-services.ts";
import { findUnmadeInstances, wasmFileOf } from "./wasm-modules.ts";
import type { Lookup, Reading } from "./watched-names.ts";

export interface BundledFile {
  /** Relative to the function's folder. */
  path: string;
  /** The file's bytes in the bundle. 0 if tree shaking removed all of it. */
  bytes: number;
}

export interface Bundle {
  code: Uint8Array;
  sourceMap: Uint8Array;
  /** The names that the entry exports. */
  exports: string[];
  files: BundledFile[];
  warnings: BundleMessage[];
  /** The services of `.proto` files that it has. */
  services: UsedServices | undefined;
}

type BundleResult = ({ ok: true } & Bundle) | { ok: false; messages: BundleMessage[] };

export interface Bundler {
  /** Bundles the files as they are on disk. Unchanged files are not parsed again. */
  bundle(): Promise<BundleResult>;
  /** The absolute paths of the files in the last successful bundle; before the first one the entry alone. */
  readonly inputs: readonly string[];
  /** The files that the last call read, and the paths at which it looked for files. Also set after a failure. */
  lastReading(): Promise<Reading>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function createBundler(source: BundleSource): Promise<Bundler> {
  const compiler = holdCompiler();
  const { context: createContext } = await compiler.load();
  const context = await createContext(bundleOptions(source)).catch((error: unknown) => {
    compiler[Symbol.dispose]();
    throw error;
  });
  let inputs = [resolve(source.dir, source.entry)];
  let reading: Reading | undefined;
  return {
    get inputs() {
      return inputs;
    },
    lastReading: async () => reading ?? (await recordReading(source)),
    async bundle() {
      reading = undefined;
      try {
        const result = await context.rebuild();
        reading = readingOf(source, result.metafile);
        inputs = [...reading.files];
        const messages = await findErrors(source, result);
        if (messages.length > 0) return { ok: false, messages };
        return resultOf(
          result,
          source.dir,
          await findServices(result.metafile, { dir: source.dir, bundleFile: BUNDLE_FILE }),
        );
      } catch (error) {
        return { ok: false, messages: messagesOf(error) };
      }
    },
    async [Symbol.asyncDispose]() {
      await context.dispose();
      compiler[Symbol.dispose]();
    },
  };
}

type Result = esbuild.BuildResult<ReturnType<typeof bundleOptions>>;

/** Errors in code that the bundler accepts and that fails at run time. */
async function findErrors({ dir }: BundleSource, result: Result): Promise<BundleMessage[]> {
  const place = { dir, bundleFile: BUNDLE_FILE };
  const code = textOf(result, ".js");
  return [
    ...(await findUnmadeInstances(result.metafile, place)),
    ...findAsyncRequires(result.metafile, { ...place, code }),
  ];
}

function textOf({ outputFiles }: Result, ending: ".js" | ".js.map"): string {
  return outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? "";
}

function readingOf({ dir }: BundleSource, { inputs }: esbuild.Metafile): Reading {
  const own = Object.keys(inputs).filter((path) => !path.startsWith(`${GOOGLE_NAMESPACE}:`));
  const files = [...new Set(own.map((path) => resolve(dir, fileOf(path))))];
  const lookups = Object.entries(inputs).flatMap(([path, { imports }]) =>
    imports.flatMap(({ original }): Lookup[] =>
      original === undefined ? [] : [{ from: dirname(resolve(dir, path)), module: original }],
    ),
  );
  return { files, lookups };
}

/** The file of an input. Its name in esbuild's results may have a mark: disabled by its package, or import attributes. */
function fileOf(path: string): string {
  return protoFileOf(wasmFileOf(path.replace(/^\(disabled\):/, "").replace(/ with \{ [^{}]* \}$/, "")));
}

/**
 * Bundles once more to record the files that are read and looked for, because a failed bundle reports no files. Recording
 * every build would double the time of a build with hundreds of modules.
 */
async function recordReading(source: BundleSource): Promise<Reading> {
  const files = new Set([resolve(source.dir, source.entry)]);
  const lookups: Lookup[] = [];
  const recorder: esbuild.Plugin = {
    name: "recorder",
    setup(build) {
      build.onResolve(
        { filter: /.*/ },
        ({ path, resolveDir }) => void lookups.push({ from: resolveDir, module: path }),
      );
      build.onLoad({ filter: /.*/ }, ({ path }) => void files.add(path));
    },
  };
  const options = bundleOptions(source);
  using compiler = holdCompiler();
  const { build } = await compiler.load();
  await build({ ...options, plugins: [recorder, ...options.plugins] }).catch(() => undefined);
  return { files: [...files], lookups };
}

/** An import of a module of Node: the importing file, and the module. */
export interface BuiltinImport {
  importer: string;
  builtin: string;
}

/**
 * The shortest chains of imports from the entry to modules of Node: files relative to the function's folder, then the
 * module. Bundles once more without these modules, because a failed bundle reports no files. If the source has other errors
 * too, a chain is the importer and the module.
 */
export async function findImportChains(
  source: BundleSource,
  wanted: readonly BuiltinImport[],
): Promise<string[][]> {
  const options = { ...bundleOptions(source), external: ["node:*", ...builtinModules] };
  using compiler = holdCompiler();
  const { build } = await compiler.load();
  const result = await build(options).catch(() => undefined);
  const inputs = result?.metafile.inputs ?? {};
  const chains = new Map([[source.entry, [source.entry]]]);
  for (const [file, chain] of chains) {
    for (const { path, external } of inputs[file]?.imports ?? []) {
      if (external !== true && !chains.has(path)) chains.set(path, [...chain, path]);
    }
  }
  return wanted.map(({ importer, builtin }) => [...(chains.get(importer) ?? [importer]), builtin]);
}

function resultOf(result: Result, dir: string, services: UsedServices | undefined): Bundle & { ok: true } {
  const output = result.metafile.outputs[BUNDLE_FILE];
  const map = JSON.parse(textOf(result, ".js.map")) as { sources: string[]; mappings: string };
  const original = textOf(result, ".js");
  const sdk = relative(dir, SDK_FOLDER).split(sep).join("/");
  const edits = [...findWays(original, sdk), ...findMissingAwaits(original)].sort((a, b) => a.at - b.at);
  const { code, mappings } = editBundle(original, map.mappings, edits);
  const sources = map.sources.map((path) => placeIndependentSource(path, sdk));
  return {
    ok: true,
    code: Buffer.from(code),
    sourceMap: Buffer.from(JSON.stringify({ ...map, sources, mappings })),
    exports: output?.exports ?? [],
    files: Object.keys(result.metafile.inputs).map((path) => ({
      path,
      bytes: output?.inputs[path]?.bytesInOutput ?? 0,
    })),
    warnings: [...result.warnings, ...findDisabledModules(result.metafile, BUNDLE_FILE)],
    services,
  };
}

function messagesOf(error: unknown): BundleMessage[] {
  const { errors } = error as Partial<esbuild.BuildFailure>;
  if (errors === undefined) throw error;
  return errors;
}
