/**
 * The program of an isolate host, in one file beside the native code of its engine, and the code that V8 has compiled of it
 * (host-code.ts).
 */
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { OnLoadResult, Plugin } from "esbuild";
import { keepOpen, SOURCE_EXTENSION } from "./built-file.ts";
import { encodingTablesFile } from "./encoding-tables.ts";
import { AS_FUNCTION, type HostCode, LOADER, loadHostCode } from "./host-code.ts";
import { inspectLibraryFile } from "./inspect-library.ts";
import { lazyBuiltins } from "./lazy-builtins.ts";
import { bundleProgram, programFingerprint } from "./program-bundle.ts";

export interface HostProgram {
  /** The file that Node runs. */
  readonly file: string;
  /** The compiled code of the program. Default: V8 compiles at each start. */
  readonly code?: HostCode;
  /** All that a host must be able to read: files and folders. */
  readonly readable: readonly string[];
  /** Node's options in place of those of isolate hosts. */
  readonly options?: readonly string[];
  /** The arguments of the program. Default: none. */
  readonly arguments?: readonly string[];
  /** Puts the file back where the cache folder was emptied meanwhile. To be called before each use. */
  restore(): void;
}

const require = createRequire(import.meta.url);

/**
 * The host program, out of the cache folder. Where its sources have changed it is bundled again, which takes some 300 ms.
 * `maxMemoryMb`: of its sandbox.
 */
export async function loadHostProgram(cacheDir: string, maxMemoryMb?: number): Promise<HostProgram> {
  const isolatedVm = realpathSync(require.resolve("isolated-vm"));
  const files = { tables: encodingTablesFile(), inspect: inspectLibraryFile() };
  const fingerprint = await programFingerprint([isolatedVm, ...Object.values(files)], cacheDir);
  const fileOf = (ending: string) => join(cacheDir, "host", `${fingerprint}.${ending}`);
  const [program, loader] = await Promise.all([
    keepOpen(fileOf("js"), () =>
      bundleProgram(
        own("../process/main"),
        [filesAtTheirPlace(isolatedVm, files), lazyBuiltins],
        AS_FUNCTION,
      ),
    ),
    keepOpen(fileOf("cjs"), async () => Buffer.from(LOADER)),
  ]);
  const code = loadHostCode(dirname(program.file), [fingerprint, `${maxMemoryMb}`]);
  const ownFiles = [loader.file, program.file, code.file];
  return {
    file: loader.file,
    arguments: [code.file],
    code,
    readable: [...ownFiles, ...Object.values(files), ...foldersOfIsolatedVm(isolatedVm)],
    restore() {
      loader.restore();
      program.restore();
      code.touch();
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

function own(name: string): string {
  return join(import.meta.dirname, `${name}${SOURCE_EXTENSION}`);
}

function filesAtTheirPlace(isolatedVm: string, { tables, inspect }: DataFiles): Plugin {
  return {
    name: "files-at-their-place",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^isolated-vm$/ }, () => ({ path: isolatedVm, external: true }));
      onLoad({ filter: /[\\/](?:encoding-tables|inspect-library)\.[jt]s$/ }, ({ path }) => {
        if (path === own("encoding-tables")) return readerOf("readEncodingTables", tables);
        if (path === own("inspect-library")) return readerOf("readInspectLibrary", inspect);
        return undefined;
      });
    },
  };
}

/** Replaces a module that looks for its package beside itself: the bundle stands elsewhere. */
function readerOf(name: string, file: string): OnLoadResult {
  const contents = `import { readFileSync } from "node:fs";
    export const ${name} = () => readFileSync(${JSON.stringify(file)}, "utf8");`;
  return { contents, loader: "js" };
}
