/** The options of esbuild for a function: the loader of each kind of file, and the choice among a package's builds. */
import type * as esbuild from "esbuild";
import type { BuildSettings } from "../contracts/index.ts";
import type { LoadedFunction } from "./function-folder.ts";
import { protoModules, sdkModules } from "./proto/proto-modules.ts";
import { wasmModules } from "./wasm-modules.ts";

export type BundleSource = Pick<LoadedFunction, "dir" | "entry" | "settings"> & {
  mode: "isolate" | "node";
  /** False: for debuggers, which then find every variable and line of the source. */
  isMinified: boolean;
};

/** The name of the bundle in esbuild's results. */
export const BUNDLE_FILE = "bundle.js";

/** The loaders by the ending of a file's name. docs/modules.md and functions/sdk/modules.d.ts list them. */
export const TEXT = ["txt", "html", "htm", "md", "css", "sql", "csv", "xml", "svg", "graphql", "gql"];
export const BYTES = [
  ...["bin", "dat", "pdf", "zip", "gz"],
  ...["png", "jpg", "jpeg", "gif", "webp", "avif", "ico"],
  ...["woff", "woff2", "ttf", "otf"],
];

export function bundleOptions({ dir, entry, settings, mode, isMinified }: BundleSource) {
  return {
    ...commonOptions,
    // Identifiers stay: stacks and `console` show the author's names, and a bundle loads as fast with them.
    // `minifySyntax` would drop the names of class and function expressions and save 1 to 4 % of a bundle. A name that
    // occurs twice in a bundle gets a number; `keepNames` restores it at run time, at a cost for every function object.
    minifyWhitespace: isMinified,
    keepNames: settings.keepNames,
    ...(mode === "node" ? nodeOptions : isolateOptions),
    ...resolutionOf(settings, mode),
    absWorkingDir: dir,
    entryPoints: [`./${entry}`],
    // esbuild writes no file here. The folder makes the paths in the source map relative to the function's folder.
    outfile: BUNDLE_FILE,
  } satisfies esbuild.BuildOptions;
}

/** Refuses imports of URLs. esbuild leaves them to the run time, and an isolate cannot load them. */
const noUrls: esbuild.Plugin = {
  name: "no-urls",
  setup(build) {
    build.onResolve({ filter: /^(?:https?:)?\/\// }, ({ path }) => ({
      errors: [{ text: `Could not resolve "${path}"` }],
    }));
  },
};

const commonOptions = {
  bundle: true,
  write: false,
  metafile: true,
  logLevel: "silent",
  format: "esm",
  // The default of newer tools. A tsconfig.json beside the source may set another one.
  jsx: "automatic",
  // The language of V8 in the oldest Node that runs narun.
  target: "node24",
  treeShaking: true,
  charset: "utf8",
  sourcemap: "external",
  sourcesContent: true,
  // Comments with paths would make the bundle depend on the machine that builds it.
  legalComments: "none",
  loader: {
    ...Object.fromEntries(TEXT.map((ending) => [`.${ending}`, "text" as const])),
    ...Object.fromEntries(BYTES.map((ending) => [`.${ending}`, "binary" as const])),
  },
  plugins: [wasmModules, protoModules, sdkModules, noUrls],
} as const satisfies esbuild.BuildOptions;

const NODE_ENV = { "process.env.NODE_ENV": '"production"' };

/** The conditions of other isolate platforms: packages have their builds for isolates under them. */
const isolateOptions = {
  platform: "browser",
  mainFields: ["browser", "module", "main"],
  // A bundle has no address. Code that reads it as a base of URLs still needs a URL.
  define: { ...NODE_ENV, "import.meta.url": '"file:///bundle.js"' },
  // An isolate cannot import or require at run time, so these are errors of the build.
  logOverride: { "unsupported-dynamic-import": "warning", "unsupported-require-call": "warning" },
} as const satisfies esbuild.BuildOptions;

/** Under this condition `narun` is the types and helpers for functions, without the parts of a server. */
const FUNCTION_CONDITION = "narun-function";

/** With the platform `browser` the condition `browser` always counts, and the field `browser` replaces files. */
function resolutionOf({ conditions, mainFields }: BuildSettings, mode: BundleSource["mode"]) {
  const isNeutral = mode === "isolate" && conditions !== undefined && !conditions.includes("browser");
  return {
    ...(isNeutral ? ({ platform: "neutral" } as const) : {}),
    conditions: [...(conditions ?? defaultConditions[mode]), FUNCTION_CONDITION],
    ...(mainFields === undefined ? {} : { mainFields }),
  };
}

/** The package decides among them by the order of its list. */
const defaultConditions = { isolate: ["workerd", "worker", "browser"], node: ["module"] } as const;

/** CommonJS packages call `require` for modules of Node. An ES module has no `require`. */
const nodeOptions = {
  platform: "node",
  mainFields: ["module", "main"],
  define: NODE_ENV,
  banner: { js: 'const require=process.getBuiltinModule("node:module").createRequire("/");' },
} as const satisfies esbuild.BuildOptions;
