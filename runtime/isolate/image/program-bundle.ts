/**
 * The programs of hosts, each as one file: own modules and their packages. A process that loads its modules file by file takes
 * 45 MB more memory, and must be able to read all their folders.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildOptions, Plugin } from "esbuild";
import { holdCompiler, importPartsOnly, leaveOutUnused, requireFrom } from "../../../machine/index.ts";
import { fingerprintOf, notesFolder } from "./fingerprint.ts";
import { LAZY_BUILTIN } from "./lazy-builtins.ts";

/** The folder of narun's parts. */
export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** The parts of narun that the programs are made of. */
const PROGRAM_PARTS = [
  "contracts",
  "dispatch",
  "functions/sdk",
  "keys",
  "local",
  "machine",
  "nats",
  "runtime",
  "streams",
  "traces",
  "web",
];

/** A name for what is made of the programs' parts with these settings. */
export function programFingerprint(settings: readonly string[], cacheDir: string): Promise<string> {
  return fingerprintOf(
    PROGRAM_PARTS.map((part) => join(ROOT, part)),
    settings,
    notesFolder(cacheDir),
  );
}

/** The form of a program as a function, which V8 can take out of its code cache: modules have none that a run has filled. */
type FunctionForm = Pick<BuildOptions, "format" | "banner" | "footer" | "supported">;

const MODULE: FunctionForm = { format: "esm", banner: { js: requireFrom("import.meta.url") } };

/** Bundles a program. The rules of `plugins` come first. Default of `form`: a module. */
export async function bundleProgram(
  entry: string,
  plugins: readonly Plugin[],
  form = MODULE,
): Promise<Uint8Array> {
  using compiler = holdCompiler();
  const { build } = await compiler.load();
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    ...form,
    target: "esnext",
    platform: "node",
    // The folder in which narun is started does not matter.
    absWorkingDir: ROOT,
    plugins: [...plugins, leaveOutUnused(isLeftOut), importPartsOnly(entry, isOwn)],
    legalComments: "none",
    logLevel: "error",
    // A process keeps the text: without its spaces a host takes 1 MB less. The names of functions stay.
    minifyWhitespace: true,
    metafile: true,
  });
  requireParts(Object.keys(result.metafile.inputs));
  return result.outputFiles[0]?.contents ?? new Uint8Array();
}

function isOwn(path: string): boolean {
  return path.startsWith(ROOT) && !path.slice(ROOT.length).includes("node_modules");
}

/** Modules of the platform change its globals when they are loaded. */
function isLeftOut(path: string): boolean {
  return isOwn(path) && !path.startsWith(join(ROOT, "web/"));
}

/** A part that is not in `PROGRAM_PARTS` would not be in the fingerprint: a change of it would leave an old program in use. */
function requireParts(inputs: readonly string[]): void {
  // Paths are relative to the root. The packages of an installed narun stand beside it.
  const isPackage = (path: string) =>
    path.startsWith("../") || path.includes("node_modules/") || path.startsWith(`${LAZY_BUILTIN}:`);
  const missing = inputs.find(
    (path) => !isPackage(path) && !PROGRAM_PARTS.some((part) => path.startsWith(`${part}/`)),
  );
  if (missing !== undefined)
    throw new Error(`the program has ${missing}, of a part that PROGRAM_PARTS lacks`);
}
