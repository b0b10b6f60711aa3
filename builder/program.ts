/** Builds a program (`mode: exec`): runs its build command, and takes its file as it is. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  canonicalJson,
  type Manifest,
  messageOf,
  NarunError,
  type ProgramFileFacts,
} from "../contracts/index.ts";
import { lastLines, sha256Hex } from "../machine/index.ts";
import type { Build } from "./build-result.ts";
import { displayPath, type LoadedProgram } from "./function-folder.ts";
import { readProgramFacts } from "./program-facts.ts";

/** How long a build command may take. */
const BUILD_TIMEOUT_MS = 15 * 60_000;
/** Upper bound of a program's file. */
const MAX_PROGRAM_BYTES = 1_024 * 1_024 * 1_024;

/** Errors: BUILD_FAILED, with the last lines of the build command; ENTRY_NOT_FOUND; PROGRAM_UNFIT. */
export async function buildProgram({ dir, file, build, config }: LoadedProgram): Promise<Build> {
  const startedAt = performance.now();
  if (build !== undefined) await runBuild(dir, build);
  const path = join(dir, file);
  const bytes = await readFile(path).catch((error: unknown) => {
    const why = build === undefined ? "" : `, also after ${JSON.stringify(build)}`;
    const detail = `narun.yaml names ${file}, which cannot be read in ${displayPath(dir)}${why}: ${messageOf(error)}`;
    throw new NarunError("ENTRY_NOT_FOUND", { detail, lookedFor: [file] }, { cause: error });
  });
  if (bytes.byteLength > MAX_PROGRAM_BYTES)
    throw new NarunError("PROGRAM_UNFIT", { detail: `${file} is over ${MAX_PROGRAM_BYTES} bytes` });
  const facts = readProgramFacts(bytes);
  if (typeof facts === "string") throw new NarunError("PROGRAM_UNFIT", { detail: `${file}: ${facts}` });
  const manifest = createManifest(config, bytes, { file, ...facts });
  return {
    config,
    manifest,
    revision: sha256Hex(canonicalJson(manifest)),
    bundle: bytes,
    sourceMap: NOTHING,
    elapsedMs: performance.now() - startedAt,
    heaviest: [{ path: file, bytes: bytes.byteLength }],
    inputs: [path],
    warnings: [],
  };
}

const NOTHING = new Uint8Array();

function createManifest(
  config: LoadedProgram["config"],
  bytes: Uint8Array,
  program: ProgramFileFacts,
): Manifest {
  return {
    format: 1,
    config,
    bundle: { sha256: sha256Hex(bytes), size: bytes.byteLength },
    sourceMap: { sha256: sha256Hex(NOTHING), size: 0 },
    program,
  };
}

/** Runs a command line by the shell in a folder. Its output is shown where it fails. */
async function runBuild(dir: string, command: string): Promise<void> {
  const child = spawn("sh", ["-c", command], { cwd: dir, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const note = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-MAX_SAID_LENGTH);
  };
  child.stdout.on("data", note);
  child.stderr.on("data", note);
  const timer = setTimeout(() => child.kill("SIGKILL"), BUILD_TIMEOUT_MS);
  const ending = await new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (status, signal) =>
      resolve(status === 0 ? undefined : signal === null ? `status ${status}` : `was ended by ${signal}`),
    );
  }).finally(() => clearTimeout(timer));
  if (ending === undefined) return;
  const detail = `${JSON.stringify(command)} ended with ${ending}\n${lastLines(said, 20).replaceAll("; ", "\n")}`;
  throw new NarunError("BUILD_FAILED", { detail: detail.trim(), issues: [] });
}

/** Upper bound of the output that is kept, in characters. */
const MAX_SAID_LENGTH = 64 * 1024;
