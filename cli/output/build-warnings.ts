import type { BuildIssue } from "../../builder/index.ts";
import type { Output } from "./output.ts";

/** The most that are shown; `narun build --json` has them all. */
const SHOWN = 5;

/** What is doubtful about a build, for people. Not with `--quiet`. */
export function showWarnings({ colours, note }: Output, warnings: readonly BuildIssue[]): void {
  for (const { file, line, message, hint, frame } of warnings.slice(0, SHOWN)) {
    note(colours.yellow(`  ${frame === "" ? file : `${file}:${line}`}: ${message}`));
    if (hint !== undefined) note(`  ${hint.replaceAll("\n", "\n  ")}`);
  }
  const more = warnings.length - SHOWN;
  if (more > 0) note(colours.yellow(`  … and ${more} more warnings; \`narun build --json\` has them all`));
}
