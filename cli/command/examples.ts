import type { Example } from "./define-command.ts";

/** Width of a default terminal, in characters. */
const COLUMNS = 80;

/**
 * The examples as the help shows them. Command lines and remarks stand side by side if all of them fit the width, else each
 * remark stands below its line.
 */
export function formatExamples(examples: readonly Example[]): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  const beside = examples.map(([line, remark]) => `  $ ${line.padEnd(width)}  ${remark}`.trimEnd());
  const isWide = beside.some((line) => line.length > COLUMNS);
  const below = examples.flatMap(([line, remark]) => [
    `  $ ${line}`,
    ...(remark === "" ? [] : [`      ${remark}`]),
  ]);
  return `\nExamples:\n${(isWide ? below : beside).join("\n")}`;
}
