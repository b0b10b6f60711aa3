/**
 * Built files: the command line and its packages in a few files of JavaScript, in the user's cache folder. A start reads them
 * where no source has changed since (`bin/built.cjs`), which takes half of the time that 400 modules take.
 *
 * I1  A stamp names a whole build, and the state of every source as it was before the build read it. A source that changes
 *     during a build leaves no stamp.
 * I2  A stamp appears whole. The last one of several builds at the same time stays.
 * I3  A folder that a running process was started from stays, because it may load more files of it.
 */
import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { BuildOptions, Plugin } from "esbuild";
import {
  holdCompiler,
  importParts,
  leaveOutUnused,
  requireFrom,
  SETS_MESSAGES,
  writeWholeSync,
} from "../../machine/index.ts";
import { DirectImports } from "./direct-imports.ts";
import { removeReplaced, removeUnused } from "./unused-files.ts";

export interface BuiltFilesOptions {
  /** The main file of the command line. */
  main: string;
  /** The folder of the builds of this narun, beside those of others. It exists. */
  folder: string;
  /** The folder of code that V8 compiled of sources. */
  compiled: string;
}

/** The form of the stamp file. `bin/built.cjs` reads it. */
interface Stamp {
  main: string;
  /** Path, size and time of the last change of each source. */
  files: [path: string, bytes: number, changedMs: number][];
}

/** The clock of a file system lags behind the system's by a tick of the kernel. */
const CLOCK_LAG_MS = 20;

/** Builds the command line. Resolves with the built main file. Rejects where it cannot be built or kept. */
export async function buildFiles({ main, folder, compiled }: BuiltFilesOptions): Promise<string> {
  const root = resolve(import.meta.dirname, "..", "..");
  const target = join(folder, crypto.randomUUID());
  mkdirSync(target, { mode: 0o700 });
  try {
    const startedAt = Date.now();
    using compiler = holdCompiler();
    const { build } = await compiler.load();
    const imports = new DirectImports();
    const { metafile } = await build(optionsFor(root, main, target, imports));
    const stamp: Stamp = {
      main: join(target, "main.mjs"),
      files: sourcesOf(root, [...Object.keys(metafile.inputs), ...imports.files]).map(stateOf),
    };
    if (stamp.files.some(([, , changedMs]) => changedMs > startedAt - CLOCK_LAG_MS))
      throw new Error("a source changed during the build");
    writeWholeSync(join(folder, "stamp.json"), JSON.stringify(stamp));
    removeReplaced(folder, target);
    removeUnused(dirname(folder), compiled);
    return stamp.main;
  } catch (error) {
    rmSync(target, { recursive: true, force: true });
    throw error;
  }
}

function optionsFor(root: string, main: string, outdir: string, imports: DirectImports) {
  return {
    entryPoints: { main },
    bundle: true,
    splitting: true,
    outdir,
    outExtension: { ".js": ".mjs" },
    format: "esm",
    platform: "node",
    target: "esnext",
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    // Half of the size. The names of functions stay, and stacks have the places in the sources.
    minifyWhitespace: true,
    logLevel: "silent",
    metafile: true,
    absWorkingDir: root,
    tsconfigRaw: {},
    banner: { js: requireFrom(JSON.stringify(main)) },
    plugins: [atTheirPlace(root, main, imports), leaveOutUnused((path) => isOwn(root, path))],
  } as const satisfies BuildOptions;
}

/** Packages that stay at their place: they have programs or native code beside them. */
const UNBUNDLED = /^(?:esbuild|isolated-vm)$/;
/**
 * Node's modules with getters among their exports. An import statement evaluates all of them, which takes up to 30 ms for http and
 * 10 ms for process, and loads what they are for.
 */
const EVALUATED_EXPORTS = /^(?:node:)?(?:dns|http2|https?|process|tls|util|zlib)$/;
/** The namespace of Node's modules that the bundle reads as values. */
const BUILTIN = "builtin";
const OWN_PLACE = /(?<!["'`])\bimport\.meta\.(dirname|filename|url)\b/g;

/** Own modules find files beside themselves. In the bundle they stand elsewhere, so that they get their place as a value. */
function atTheirPlace(root: string, main: string, imports: DirectImports): Plugin {
  const require = createRequire(import.meta.url);
  const mainFileModule = /[\\/]cli[\\/]built[\\/]main-file\.[jt]s$/;
  return {
    name: "at-their-place",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: UNBUNDLED }, ({ path }) => ({
        path: pathToFileURL(require.resolve(path)).href,
        external: true,
      }));
      onResolve({ filter: EVALUATED_EXPORTS }, ({ path, kind }) =>
        kind === "import-statement" ? { path: path.replace("node:", ""), namespace: BUILTIN } : undefined,
      );
      onLoad({ filter: /.*/, namespace: BUILTIN }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule("node:${path}");`,
        loader: "js",
      }));
      onLoad({ filter: mainFileModule }, () => ({
        contents: `import { fileURLToPath } from "node:url";
          export const mainFile = fileURLToPath(new URL("./main.mjs", import.meta.url));`,
        loader: "js",
      }));
      onLoad({ filter: /\.[jt]s$/ }, ({ path }) => {
        if (!isOwn(root, path)) return undefined;
        const text = readFileSync(path, "utf8");
        const place = { dirname: dirname(path), filename: path, url: pathToFileURL(path).href };
        const code = importParts(imports.of(path, text)).replace(OWN_PLACE, (_, key: keyof typeof place) =>
          JSON.stringify(place[key]),
        );
        return {
          contents: path === main ? SETS_MESSAGES + code : code,
          loader: path.endsWith(".ts") ? "ts" : "js",
        };
      });
    },
  };
}

function isOwn(root: string, path: string): boolean {
  return path.startsWith(join(root, "/")) && !path.slice(root.length).includes("node_modules");
}

/** The files to compare at a start: the own ones with this one, and for each package its package.json, which an update replaces. */
function sourcesOf(root: string, inputs: readonly string[]): string[] {
  const compiler = createRequire(import.meta.url).resolve("esbuild/package.json");
  const files = inputs.filter((input) => !input.startsWith(`${BUILTIN}:`));
  const paths = files.map((input) => resolve(root, input));
  return [
    ...new Set([
      import.meta.filename,
      compiler,
      ...paths.map((path) => (isOwn(root, path) ? path : packageFileOf(path))),
    ]),
  ];
}

function packageFileOf(path: string): string {
  const [, folder] = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(path) ?? [];
  return folder === undefined ? path : join(folder, "package.json");
}

function stateOf(path: string): Stamp["files"][number] {
  const { size, ctimeMs } = statSync(path);
  return [path, size, ctimeMs];
}
