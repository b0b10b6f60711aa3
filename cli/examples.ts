import type { Command } from "commander";

/** The width of a terminal that nobody has made wider. */
const COLUMNS = 80;

/**
 * Shows how a command is used, below its help: each line what to type, and what for. The two share a line where all of them
 * have room for it, else the second is indented below the first.
 */
export function addExamples(
  command: Command,
  examples: readonly (readonly [line: string, what: string])[],
): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const beside = examples.map(([line, what]) => `  $ ${line.padEnd(width)}  ${what}`.trimEnd());
  const isWide = beside.some((line) => line.length > COLUMNS);
  const below = examples.flatMap(([line, what]) => [
    `  $ ${line}`,
    ...(what === "" ? [] : [`      ${what}`]),
  ]);
  return command.addHelpText("after", `\nExamples:\n${(isWide ? below : beside).join("\n")}`);
}
