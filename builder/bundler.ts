/** The one file that knows esbuild: from an entry file to one ES module with its source map. */
import { builtinModules } from "node:module";
import { resolve } from "node:path";
import * as esbuild from "esbuild";
import type { LoadedFunction } from "./function-folder.ts";

export type BundleSource = Pick<LoadedFunction, "dir" | "entry"> & { mode: "isolate" | "node" };

/** What esbuild says about one place of the source. */
export type BundleMessage = esbuild.Message;

export interface BundledFile {
  /** Relative to the function's folder. */
  path: string;
  /** What it weighs in the bundle; 0 where all of it was shaken off. */
  bytes: number;
}

export interface Bundle {
  code: Uint8Array;
  sourceMap: Uint8Array;
  /** The names that the entry exports. */
  exports: string[];
  files: BundledFile[];
  warnings: BundleMessage[];
}

type BundleResult = ({ ok: true } & Bundle) | { ok: false; messages: BundleMessage[] };

export interface Bundler {
  /** Bundles what is on disk now; what did not change since the last time is not parsed again. */
  bundle(): Promise<BundleResult>;
  /** The files of the last bundle that came about, absolute; the entry alone before there was one. */
  readonly inputs: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

export async function createBundler(source: BundleSource): Promise<Bundler> {
  const context = await esbuild.context(optionsFor(source));
  let inputs = [resolve(source.dir, source.entry)];
  return {
    get inputs() {
      return inputs;
    },
    async bundle() {
      try {
        const result = resultOf(await context.rebuild());
        inputs = result.files.map(({ path }) => resolve(source.dir, path));
        return result;
      } catch (error) {
        return { ok: false, messages: messagesOf(error) };
      }
    },
    [Symbol.asyncDispose]: () => context.dispose(),
  };
}

/** An import of a module of Node: by which file, and which module. */
export interface BuiltinImport {
  importer: string;
  builtin: string;
}

/**
 * The shortest chains of imports from the entry to modules of Node: files relative to the function's folder, then the
 * module. Bundles once more with all such modules left out, as a bundle that failed tells nothing about its files; where
 * the source does not build for other reasons either, a chain is the importer and the module.
 */
export async function findImportChains(
  source: BundleSource,
  wanted: readonly BuiltinImport[],
): Promise<string[][]> {
  const options = { ...optionsFor(source), external: ["node:*", ...builtinModules] };
  const result = await esbuild.build(options).catch(() => undefined);
  const inputs = result?.metafile.inputs ?? {};
  const chains = new Map([[source.entry, [source.entry]]]);
  for (const [file, chain] of chains) {
    for (const { path, external } of inputs[file]?.imports ?? []) {
      if (external !== true && !chains.has(path)) chains.set(path, [...chain, path]);
    }
  }
  return wanted.map(({ importer, builtin }) => [...(chains.get(importer) ?? [importer]), builtin]);
}

const BUNDLE_FILE = "bundle.js";

function optionsFor({ dir, entry, mode }: BundleSource) {
  return {
    ...commonOptions,
    ...(mode === "node" ? nodeOptions : isolateOptions),
    absWorkingDir: dir,
    entryPoints: [`./${entry}`],
    // Nothing is written there: it makes the paths in the source map relative to the function's folder.
    outfile: BUNDLE_FILE,
  } satisfies esbuild.BuildOptions;
}

const commonOptions = {
  bundle: true,
  write: false,
  metafile: true,
  logLevel: "silent",
  format: "esm",
  // What V8 understands in the oldest Node that runs narun.
  target: "node24",
  minify: true,
  treeShaking: true,
  charset: "utf8",
  sourcemap: "external",
  sourcesContent: true,
  // They would name paths in the bundle, which differ by where it is built.
  legalComments: "none",
  define: { "process.env.NODE_ENV": '"production"' },
  loader: {
    ".txt": "text",
    ".html": "text",
    ".md": "text",
    ".css": "text",
    ".bin": "binary",
    ".wasm": "binary",
  },
} as const satisfies esbuild.BuildOptions;

/** As other isolate platforms do it: packages that have a build for them have it under these conditions. */
const isolateOptions = {
  platform: "browser",
  mainFields: ["browser", "module", "main"],
  conditions: ["worker", "workerd", "browser"],
} as const satisfies esbuild.BuildOptions;

/** CommonJS packages call `require` for modules of Node, which an ES module lacks. */
const nodeOptions = {
  platform: "node",
  mainFields: ["module", "main"],
  banner: { js: 'const require=process.getBuiltinModule("node:module").createRequire("/");' },
} as const satisfies esbuild.BuildOptions;

function resultOf(result: esbuild.BuildResult<ReturnType<typeof optionsFor>>): Bundle & { ok: true } {
  const output = result.metafile.outputs[BUNDLE_FILE];
  const file = (end: string) =>
    result.outputFiles.find(({ path }) => path.endsWith(end))?.contents ?? new Uint8Array();
  return {
    ok: true,
    code: file(".js"),
    sourceMap: placeIndependent(file(".js.map")),
    exports: output?.exports ?? [],
    files: Object.keys(result.metafile.inputs).map((path) => ({
      path,
      bytes: output?.inputs[path]?.bytesInOutput ?? 0,
    })),
    warnings: result.warnings,
  };
}

/**
 * Names packages in a source map from their `node_modules` on: how far above the function's folder they are installed
 * differs by machine, and must not change the digest.
 */
function placeIndependent(sourceMap: Uint8Array): Uint8Array {
  const map = JSON.parse(Buffer.from(sourceMap).toString("utf8")) as { sources: string[] };
  const sources = map.sources.map((source) => source.replace(/^(\.\.\/)+(?=node_modules\/)/, ""));
  return Buffer.from(JSON.stringify({ ...map, sources }));
}

function messagesOf(error: unknown): BundleMessage[] {
  const { errors } = error as Partial<esbuild.BuildFailure>;
  if (errors === undefined) throw error;
  return errors;
}
