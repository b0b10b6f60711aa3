/** Declared commands as commander's: the parser of the command line, and the layout of the help. */
import { type Command, Option as CommanderOption } from "commander";
import { helpOf } from "../options/help.ts";
import type { Option, Options } from "../options/option.ts";
import type { Flags } from "../options/resolve.ts";
import { type AnyCommand, type CommandStart, commonOptions } from "./define-command.ts";
import { formatExamples } from "./examples.ts";

/** Arguments and flags of a command line. */
export type ParsedLine = Pick<CommandStart, "args" | "flags">;

/** Adds a command. `onParsed` gets a command line that names it. */
export function addCommand(
  program: Command,
  declared: AnyCommand,
  onParsed: (declared: AnyCommand, line: ParsedLine) => Promise<void>,
): void {
  const { usage, says, options, examples, takesUnknownOptions } = declared;
  const command = addOptions(program.command(usage), options)
    .description(says)
    .allowUnknownOption(takesUnknownOptions)
    .addHelpText("after", formatExamples(examples));
  command.action(() => {
    const names = command.registeredArguments.map((argument) => argument.name());
    const args = Object.fromEntries(names.map((name, n) => [name, command.processedArgs[n]]));
    return onParsed(declared, { args, flags: flagsOf(command, { ...commonOptions, ...options }) });
  });
}

/** Adds the flags of options. Their values stay texts. */
export function addOptions(command: Command, options: Options): Command {
  for (const option of Object.values(options)) {
    const added = toCommander(option);
    if (added !== undefined) command.addOption(added);
  }
  return command;
}

function flagsOf(command: Command, options: Options): Flags {
  const parsed = command.optsWithGlobals<Record<string, unknown>>();
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, option]) => {
      const given = parsed[toCommander(option)?.attributeName() ?? ""];
      if (given === undefined) return [];
      return [[name, given === true ? [] : [given].flat().map(String)]];
    }),
  );
}

function toCommander(option: Option<unknown>): CommanderOption | undefined {
  if (option.flag === undefined) return undefined;
  const added = new CommanderOption(option.flag, helpOf(option)).hideHelp(option.isHidden);
  return option.isRepeatable ? added.argParser(collect) : added;
}

/** Every value of a flag that may be given more than once. */
function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}
