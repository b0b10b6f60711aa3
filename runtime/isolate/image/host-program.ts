/**
 * The program of an isolate host as one file: the host's own modules and its packages, bundled. A host that loads its modules
 * file by file takes 45 MB more memory, and must be able to read all their folders.
 */
import { existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { OnLoadResult } from "esbuild";
import { holdCompiler } from "../../../machine/index.ts";
import { fingerprintOf, keepBuilt, SOURCE_EXTENSION, touchFile, withDigest } from "./built-file.ts";
import { encodingTablesFile } from "./encoding-tables.ts";
import { inspectLibraryFile } from "./inspect-library.ts";

export interface HostProgram {
  readonly file: string;
  /** All that a host must be able to read: files and folders. */
  readonly readable: readonly string[];
  /** Node's options in place of those of isolate hosts. */
  readonly options?: readonly string[];
  /** The arguments of the program. Default: none. */
  readonly arguments?: readonly string[];
  /** Puts the file back where the cache folder was emptied meanwhile. To be called before each use. */
  restore(): void;
}

const root = fileURLToPath(new URL("../../../", import.meta.url));
const require = createRequire(import.meta.url);

/** The parts of narun that the program is made of. */
export const PROGRAM_PARTS = [
  "contracts",
  "functions/sdk",
  "local",
  "machine",
  "nats",
  "runtime",
  "streams",
  "traces",
  "web",
];

/** The host program, out of the cache folder. Where its sources have changed it is bundled again, which takes some 300 ms. */
export async function loadHostProgram(cacheDir: string): Promise<HostProgram> {
  const isolatedVm = realpathSync(require.resolve("isolated-vm"));
  const files = { tables: encodingTablesFile(), inspect: inspectLibraryFile() };
  const fingerprint = await fingerprintOf(
    PROGRAM_PARTS.map((part) => join(root, part)),
    [isolatedVm, ...Object.values(files)],
  );
  const path = join(cacheDir, "host", `${fingerprint}.mjs`);
  const program = await keepBuilt(path, () => bundleHost(isolatedVm, files));
  const file = await realpath(path);
  return {
    file,
    readable: [file, ...Object.values(files), ...foldersOfIsolatedVm(isolatedVm)],
    restore() {
      if (existsSync(file)) return touchFile(file);
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(file, withDigest(program), { mode: 0o600 });
    },
  };
}

/** isolated-vm finds its native code by another package, which looks for the first of these files to know the C library. */
function foldersOfIsolatedVm(isolatedVm: string): string[] {
  const loader = createRequire(isolatedVm).resolve("node-gyp-build");
  return ["/etc/alpine-release", dirname(isolatedVm), dirname(realpathSync(loader))];
}

/** Files that the host reads when an isolate asks for them. */
interface DataFiles {
  tables: string;
  inspect: string;
}

async function bundleHost(isolatedVm: string, files: DataFiles): Promise<Uint8Array> {
  using compiler = holdCompiler();
  const { build } = await compiler.load();
  const own = (name: string) => join(import.meta.dirname, `${name}${SOURCE_EXTENSION}`);
  const result = await build({
    entryPoints: [own("../process/main")],
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    platform: "node",
    // The folder in which narun is started does not matter.
    absWorkingDir: root,
    // CommonJS packages require Node's own modules.
    banner: {
      js: 'import { createRequire as createRequireOfHost } from "node:module"; const require = createRequireOfHost(import.meta.url);',
    },
    plugins: [
      {
        name: "files-at-their-place",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^isolated-vm$/ }, () => ({
            path: pathToFileURL(isolatedVm).href,
            external: true,
          }));
          onLoad({ filter: /[\\/](?:encoding-tables|inspect-library)\.[jt]s$/ }, ({ path }) => {
            if (path === own("encoding-tables")) return readerOf("readEncodingTables", files.tables);
            if (path === own("inspect-library")) return readerOf("readInspectLibrary", files.inspect);
            return undefined;
          });
        },
      },
    ],
    legalComments: "none",
    metafile: true,
  });
  requireParts(Object.keys(result.metafile.inputs));
  return result.outputFiles[0]?.contents ?? new Uint8Array();
}

/** A part that is not in `PROGRAM_PARTS` would not be in the fingerprint: a change of it would leave an old program in use. */
export function requireParts(inputs: readonly string[]): void {
  // Paths are relative to the root. The packages of an installed narun stand beside it.
  const isPackage = (path: string) => path.startsWith("../") || path.includes("node_modules/");
  const missing = inputs.find(
    (path) => !isPackage(path) && !PROGRAM_PARTS.some((part) => path.startsWith(`${part}/`)),
  );
  if (missing !== undefined)
    throw new Error(`the program has ${missing}, of a part that PROGRAM_PARTS lacks`);
}

/** Replaces a module that looks for its package beside itself: the bundle stands elsewhere. */
function readerOf(name: string, file: string): OnLoadResult {
  const contents = `import { readFileSync } from "node:fs";
    export const ${name} = () => readFileSync(${JSON.stringify(file)}, "utf8");`;
  return { contents, loader: "js" };
}
