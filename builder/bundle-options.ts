/** How esbuild is told to bundle a function: what each kind of file becomes, and which build of a package is taken. */
import type * as esbuild from "esbuild";
import type { BuildSettings } from "../contracts/index.ts";
import type { LoadedFunction } from "./function-folder.ts";
import { wasmModules } from "./wasm-modules.ts";

export type BundleSource = Pick<LoadedFunction, "dir" | "entry" | "settings"> & {
  mode: "isolate" | "node";
  /** False: for debuggers, in which every variable and line of the source is to be found. */
  isMinified: boolean;
};

/** The name of the bundle in esbuild's results. */
export const BUNDLE_FILE = "bundle.js";

/** What imports of these are, by the ending of the file's name; docs/modules.md and functions/sdk/modules.d.ts list them. */
export const TEXT = ["txt", "html", "htm", "md", "css", "sql", "csv", "xml", "svg", "graphql", "gql"];
export const BYTES = [
  ...["bin", "dat", "pdf", "zip", "gz"],
  ...["png", "jpg", "jpeg", "gif", "webp", "avif", "ico"],
  ...["woff", "woff2", "ttf", "otf"],
];

export function bundleOptions({ dir, entry, settings, mode, isMinified }: BundleSource) {
  return {
    ...commonOptions,
    // Identifiers stay: stacks and `console` show the author's names, and loading a bundle takes no longer with them.
    // `minifySyntax` drops the names of class and function expressions, and spares 1 to 4 % of a bundle. A name that a
    // bundle has twice gets a number; `keepNames` restores it at run time, at a cost for every function that is made.
    minifyWhitespace: isMinified,
    keepNames: settings.keepNames,
    ...(mode === "node" ? nodeOptions : isolateOptions),
    ...resolutionOf(settings, mode),
    absWorkingDir: dir,
    entryPoints: [`./${entry}`],
    // Nothing is written there: it makes the paths in the source map relative to the function's folder.
    outfile: BUNDLE_FILE,
  } satisfies esbuild.BuildOptions;
}

/** esbuild leaves imports of URLs for the run time; nothing is there then that could load them. */
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
  // As every newer tool does; a tsconfig.json beside the source says otherwise where it has to.
  jsx: "automatic",
  // What V8 understands in the oldest Node that runs narun.
  target: "node24",
  treeShaking: true,
  charset: "utf8",
  sourcemap: "external",
  sourcesContent: true,
  // They would name paths in the bundle, which differ by where it is built.
  legalComments: "none",
  loader: {
    ...Object.fromEntries(TEXT.map((ending) => [`.${ending}`, "text" as const])),
    ...Object.fromEntries(BYTES.map((ending) => [`.${ending}`, "binary" as const])),
  },
  plugins: [wasmModules, noUrls],
} as const satisfies esbuild.BuildOptions;

const NODE_ENV = { "process.env.NODE_ENV": '"production"' };

/** As other isolate platforms do it: packages that have a build for them have it under these conditions. */
const isolateOptions = {
  platform: "browser",
  mainFields: ["browser", "module", "main"],
  // Which of them counts is for the package to say, by the order in which it lists them.
  conditions: ["workerd", "worker", "browser"],
  // A bundle has no place of its own; what only reads it, as a base of URLs, needs a URL all the same.
  define: { ...NODE_ENV, "import.meta.url": '"file:///bundle.js"' },
  // An isolate has nothing to import or require from at run time: the author hears of it now.
  logOverride: { "unsupported-dynamic-import": "warning", "unsupported-require-call": "warning" },
} as const satisfies esbuild.BuildOptions;

/** The platform `browser` has its condition in any case; without it the field `browser` replaces no files either. */
function resolutionOf({ conditions, mainFields }: BuildSettings, mode: BundleSource["mode"]) {
  const isNeutral = mode === "isolate" && conditions !== undefined && !conditions.includes("browser");
  return {
    ...(isNeutral ? ({ platform: "neutral" } as const) : {}),
    ...(conditions === undefined ? {} : { conditions }),
    ...(mainFields === undefined ? {} : { mainFields }),
  };
}

/** CommonJS packages call `require` for modules of Node, which an ES module lacks. */
const nodeOptions = {
  platform: "node",
  mainFields: ["module", "main"],
  define: NODE_ENV,
  banner: { js: 'const require=process.getBuiltinModule("node:module").createRequire("/");' },
} as const satisfies esbuild.BuildOptions;
