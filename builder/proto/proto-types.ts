/** Writes the declarations of the `.proto` files of a function, which an editor and `tsc` read: `hello.d.proto.ts`. */
import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { displayPath, type LoadedFunction } from "../function-folder.ts";
import { findProtos } from "./find-protos.ts";
import { faultsAsIssues } from "./proto-issues.ts";

/** The outcome for one file. */
export interface ProtoTypesResult {
  /** The path of the declarations, for display. */
  file: string;
  changed: boolean;
  missing: boolean;
}

/** `hello.proto` → `hello.d.proto.ts`: the name that TypeScript looks for with `allowArbitraryExtensions`. */
function typesFileOf(proto: string): string {
  return join(dirname(proto), `${basename(proto, ".proto")}.d.proto.ts`);
}

/**
 * Writes the declarations of every `.proto` file below a function's folder. Files that are up to date are not written again.
 * `check`: write nothing. `onlyPresent`: update files that exist, and create none. Error: BUILD_FAILED, for a file with a fault.
 */
export async function writeProtoTypes(
  { dir }: Pick<LoadedFunction, "dir">,
  { check = false, onlyPresent = false }: { check?: boolean; onlyPresent?: boolean } = {},
): Promise<ProtoTypesResult[]> {
  const results: ProtoTypesResult[] = [];
  for (const path of await findProtos(dir)) {
    const file = typesFileOf(path);
    const present = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (onlyPresent && present === undefined) continue;
    const text = await typesFor(path, dir);
    const changed = present !== text;
    if (changed && !check) await writeFile(file, text);
    results.push({ file: displayPath(file), changed, missing: present === undefined });
  }
  return results;
}

async function typesFor(path: string, dir: string): Promise<string> {
  // The compiler takes 15 ms to evaluate.
  const { renderFile } = await import("./render-file.ts");
  return faultsAsIssues(dir, () => renderFile(path, dir));
}
