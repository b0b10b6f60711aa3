/**
 * Lazy modules of the platform are evaluated at the first call of one of their functions, not in the snapshot. An isolate that
 * never calls one holds only its text. The objects and closures of a module weigh five times its text, half of them twice, as
 * isolated-vm makes a second context in each isolate.
 *
 * I1  A lazy module exports functions only. No caller reads their `length`.
 * I2  A file that only one lazy module imports goes into that module. All other files are shared with the rest of the platform.
 */
import { join, resolve } from "node:path";
import type { BuildOptions, Plugin, PluginBuild } from "esbuild";
import { SOURCE_EXTENSION } from "./built-file.ts";

const LAZY_MODULES = [
  "bindings/create-binding",
  "console/table",
  "crypto/algorithms",
  "crypto/jwk",
  "crypto/normalize",
  "crypto/supports",
  "encoding/encoding-decoders",
  "fetch/exchange",
  "fetch/perform",
  "file/mime-type",
  "file/multipart-parse",
  "file/multipart-serialise",
  "triggers/handlers",
  "url/url-parser",
  "url/pattern/engine",
];

export function lazyModules(platformFolder: string): Plugin {
  const files = new Set(LAZY_MODULES.map((name) => join(platformFolder, `${name}${SOURCE_EXTENSION}`)));
  return {
    name: "lazy-modules",
    setup(build) {
      /** The lazy module of each file that went into one. */
      const homes = new Map<string, string>();
      const options = optionsFor(build);
      const sharing = findShared(build, options, files);
      build.onLoad({ filter: /\.[jt]s$/ }, async ({ path }) => {
        if (!files.has(path)) return undefined;
        const shared = await sharing;
        const { outputFiles, metafile } = await build.esbuild.build({
          ...options,
          entryPoints: [path],
          format: "esm",
          plugins: [leaveOut(new Set([...shared, ...files])), ...(options.plugins ?? [])],
        });
        for (const file of filesIn(options, metafile)) {
          const home = homes.get(file) ?? path;
          if (home !== path) throw new Error(`${file} would be in both ${home} and ${path}`);
          homes.set(file, path);
        }
        return { contents: makeLazy(outputFiles[0]?.text ?? "", path), loader: "js" };
      });
    },
  };
}

type Options = BuildOptions & { write: false; metafile: true };

/** The options of the platform's bundle, without this plugin and without minifying. */
function optionsFor({ initialOptions }: PluginBuild): Options {
  const plugins = initialOptions.plugins?.filter(({ name }) => name !== "lazy-modules") ?? [];
  return {
    ...initialOptions,
    plugins,
    inject: [],
    minify: false,
    logLevel: "silent",
    write: false,
    metafile: true,
  };
}

/** The files of the platform that the snapshot has without the lazy modules. */
async function findShared(
  { esbuild, initialOptions }: PluginBuild,
  options: Options,
  lazy: ReadonlySet<string>,
): Promise<Set<string>> {
  const without: Plugin = {
    name: "without-lazy-modules",
    setup({ onLoad }) {
      onLoad({ filter: /\.[jt]s$/ }, ({ path }) =>
        lazy.has(path) ? { contents: "module.exports = {};", loader: "js" } : undefined,
      );
    },
  };
  const { metafile } = await esbuild.build({
    ...options,
    inject: initialOptions.inject ?? [],
    plugins: [without, ...(options.plugins ?? [])],
  });
  return new Set(filesIn(options, metafile));
}

/** The files of the only output, as absolute paths. */
function filesIn(
  { absWorkingDir = "" }: Options,
  { outputs }: { outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }> },
): string[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([file]) => resolve(absWorkingDir, file)),
  );
}

/** Leaves imports of these files as they are. */
function leaveOut(files: ReadonlySet<string>): Plugin {
  const seen = Symbol("seen");
  return {
    name: "leave-out",
    setup(build) {
      build.onResolve(
        { filter: /./ },
        async ({ path, kind, importer, namespace, resolveDir, pluginData }) => {
          if (kind === "entry-point" || pluginData === seen) return undefined;
          const from = { kind, importer, namespace, resolveDir, pluginData: seen };
          const found = await build.resolve(path, from);
          return files.has(found.path) ? { path: found.path, external: true } : found;
        },
      );
    },
  };
}

const IMPORT = /^import\s[^;]*;$/gm;
const EXPORTS = /^export \{([^}]*)\};\s*$/m;

/** Keeps the imports of a module, and makes the rest of it the body of a function. */
function makeLazy(code: string, path: string): string {
  const exports = (EXPORTS.exec(code)?.[1] ?? "")
    .split(",")
    .map((entry) => entry.trim().split(" as "))
    .map(([local = "", name = local]) => ({ local, name }))
    .filter(({ local }) => local !== "");
  if (exports.length === 0) throw new Error(`${path} cannot be made late: it exports nothing`);
  const body = code.replace(IMPORT, "").replace(EXPORTS, "");
  return [
    ...(code.match(IMPORT) ?? []),
    "let made;",
    `function make() {\n${body}\nreturn { ${exports.map(({ local, name }) => `${name}: ${local}`).join(", ")} };\n}`,
    ...exports.map(
      ({ name }) => `export function ${name}(...values) { return (made ??= make()).${name}(...values); }`,
    ),
  ].join("\n");
}
