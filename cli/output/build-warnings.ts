import type { BuildIssue } from "../../builder/index.ts";
import type { Output } from "./output.ts";

/** Upper bound of the shown warnings. `narun build --json` has all of them. */
const SHOWN = 5;

/** Writes the warnings of a build for a person. `--quiet` suppresses them. */
export function showWarnings({ colours, note }: Output, warnings: readonly BuildIssue[]): void {
  for (const { file, line, message, hint, frame } of warnings.slice(0, SHOWN)) {
    note(colours.yellow(`  ${frame === "" ? file : `${file}:${line}`}: ${message}`));
    if (hint !== undefined) note(`  ${hint.replaceAll("\n", "\n  ")}`);
  }
  const more = warnings.length - SHOWN;
  if (more > 0) note(colours.yellow(`  … and ${more} more warnings; \`narun build --json\` has them all`));
}
