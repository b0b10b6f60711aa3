/** Writes docs/cli.md from the declared commands and options: `npm run docs`. */
import { writeFileSync } from "node:fs";
import { loadCommands } from "../commands.ts";
import { defaultOf } from "../options/help.ts";
import type { Option, Options } from "../options/option.ts";
import { flagName } from "../options/resolve.ts";
import { type AnyCommand, commonOptions } from "./define-command.ts";

const INTRODUCTION = [
  `A flag wins over an environment variable, a variable over a file of settings (\`--config\`), a file over the
default. An empty variable counts as absent. One error names all wrong settings. \`narun config\` prints the
settings of a command line with their sources, and hides secrets.`,
  `A variable \`NARUN_…\` that no option reads is named on standard error, with the nearest variable, unless
\`--json\` or \`--quiet\` is given.`,
];

/** The text of docs/cli.md. */
export async function renderReference(): Promise<string> {
  const commands = await loadCommands();
  return `${[
    "# Command line",
    "<!-- Written by `npm run docs` from cli/commands/ and cli/options/. Change it there. -->",
    ...INTRODUCTION,
    "## Every command",
    optionTable(commonOptions),
    ...commands.flatMap(renderCommand),
    "## Variables",
    variableTable(commands),
  ].join("\n\n")}\n`;
}

function renderCommand({ name, usage, says, options, examples }: AnyCommand): string[] {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, remark]) =>
    remark === "" ? line : `${line.padEnd(width)}  # ${remark}`,
  );
  return [
    `## ${name}`,
    `\`narun ${usage}\`: ${says}.`,
    ...(shownOptions(options).length === 0 ? [] : [optionTable(options)]),
    `\`\`\`sh\n${lines.join("\n")}\n\`\`\``,
  ];
}

function optionTable(options: Options): string {
  return table(
    ["option", "variable", "default", "meaning"],
    shownOptions(options).map((option) => [
      option.flag === undefined ? "" : code(option.flag),
      variablesOf(option),
      option.fallback === undefined ? (option.fallbackHelp ?? "") : code(option.fallback),
      option.help,
    ]),
  );
}

function variablesOf({ variables, variableHelp }: Option<unknown>): string {
  const names = variables.map(code).join(", ");
  return variableHelp === undefined ? names : `${names}: ${variableHelp}`;
}

/** One row for the variables of one option. */
function variableTable(commands: readonly AnyCommand[]): string {
  const users = [
    { command: "every command", options: commonOptions as Options },
    ...commands.map(({ name, options }) => ({ command: code(name), options })),
  ].flatMap(({ command, options }) => shownOptions(options).map((option) => ({ command, option })));
  const withVariables = users.filter(({ option }) => option.variables.length > 0);
  const groups = Map.groupBy(withVariables, ({ option }) => option.variables.join());
  return table(
    ["variable", "read by", "in place of", "default"],
    [...groups.values()].map((group) => {
      const option = group.find((one) => one.option.flag !== undefined)?.option ?? group[0]?.option;
      if (option === undefined) return [];
      const defaults = new Set(group.map((one) => defaultOf(one.option)));
      return [
        option.variables.map(code).join(", else "),
        group.map(({ command }) => command).join(", "),
        option.flag === undefined ? option.help : code(flagName(option)),
        [...defaults].join(" or "),
      ];
    }),
  );
}

function shownOptions(options: Options): Option<unknown>[] {
  return Object.values(options).filter(({ isHidden }) => !isHidden);
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

if (import.meta.main) {
  writeFileSync(new URL("../../docs/cli.md", import.meta.url), await renderReference());
}
