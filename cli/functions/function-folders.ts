import { displayPath, findFunctions } from "../../builder/index.ts";
import { NarunError } from "../../contracts/index.ts";
import type { Output } from "../output/output.ts";
import { explainFailure, failureOf } from "../output/report-error.ts";
import { findNamesakes } from "./namesakes.ts";

/** The functions in a folder. Error: ENTRY_NOT_FOUND, also for a folder without functions. */
export async function requireFunctions(dir: string): Promise<string[]> {
  const folders = await findFunctions(dir);
  if (folders.length > 0) return folders;
  throw new NarunError("ENTRY_NOT_FOUND", { detail: `neither ${dir} nor a folder in it is a function` });
}

/** Works on the functions in a folder one after the other. Failures are shown at once, and the command fails at the end. */
export async function forEachFunction(
  dir: string | undefined,
  output: Output,
  work: (folder: string) => Promise<void>,
): Promise<void> {
  const folders = await requireFunctions(dir ?? ".");
  const [folder] = folders;
  if (folder !== undefined && folders.length === 1) return work(folder);
  const namesakes = await findNamesakes(folders);
  for (const each of folders) {
    try {
      const refusal = namesakes.get(each);
      if (refusal !== undefined) throw refusal;
      await work(each);
    } catch (error) {
      process.exitCode = 1;
      if (output.isJson) output.error(JSON.stringify({ folder: each, error: failureOf(error) }));
      else output.error(`${output.colours.red("failed")}  ${displayPath(each)}: ${explainFailure(error)}`);
    }
  }
}
