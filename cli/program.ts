import { Command, CommanderError } from "commander";
import { NarunError } from "../contracts/index.ts";
import { addCommand, addOptions, type ParsedLine } from "./command/commander.ts";
import { type AnyCommand, commonOptions, outputOf, type ResolvedLine } from "./command/define-command.ts";
import { acceptSingleDashes } from "./command/single-dash.ts";
import { commandNames, loadCommands } from "./commands.ts";
import { outputOptions } from "./options/common.ts";
import { mergeOptions } from "./options/merge.ts";
import { type Environment, type Flags, resolveOptions } from "./options/resolve.ts";
import { createOutput } from "./output/output.ts";
import { exitCodeOf, reportError } from "./output/report-error.ts";
import { version } from "./version.ts";

/** Runs the command line; resolves with the exit code: 0 for success, 1 for a failure, 2 for a wrong use. */
export async function run(args: readonly string[], environment: Environment): Promise<number> {
  const meant = meantCommands(args);
  try {
    const program = await createProgram(meant, (command, line) =>
      command.start({
        ...line,
        environment,
        resolve: (inner) => resolveLine(inner, line.flags, environment),
      }),
    );
    await program.parseAsync(await withTwoDashes(args), { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError && isHelp(thrown)) return thrown.exitCode === 0 ? 0 : 2;
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
    // An action or a name may be a command's, too: `narun mcp ls`.
    const command = args.find((arg) => commandNames.includes(arg));
    const help = command === undefined ? "narun --help" : `narun ${command} --help`;
    const flags = args.includes("--json") ? { json: [] } : {};
    const output = createOutput(outputOf(await resolveOptions(outputOptions, flags, environment)));
    reportError(error, { output, help });
    return exitCodeOf(error);
  }
}

/** The commands whose names are among the arguments. Without one all of them: for the help, and for the nearest name. */
function meantCommands(args: readonly string[]): readonly string[] {
  const meant = commandNames.filter((name) => args.includes(name));
  return meant.length === 0 ? commandNames : meant;
}

/** The arguments, with two dashes before the long flags of a command that takes them with one. */
async function withTwoDashes(args: readonly string[]): Promise<readonly string[]> {
  const name = args.find((arg) => commandNames.includes(arg));
  const [command] = name === undefined ? [] : await loadCommands([name]);
  if (command?.takesSingleDashes !== true) return args;
  return acceptSingleDashes(args, { ...commonOptions, ...command.options });
}

async function createProgram(
  names: readonly string[],
  onParsed: (command: AnyCommand, line: ParsedLine) => Promise<void>,
): Promise<Command> {
  const program = addOptions(new Command("narun"), commonOptions)
    .description("Self-hosted, scale-to-zero functions on NATS")
    .version(version)
    .configureHelp({ showGlobalOptions: true })
    // `run` reports every error, commander's too.
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText("after", "\nA first function:\n  $ narun init hello && cd hello && narun dev");
  for (const command of await loadCommands(names)) addCommand(program, command, onParsed);
  return program;
}

/** Resolves a command line without running it. `outer` has the common flags of `narun config` itself. */
async function resolveLine(
  line: readonly string[],
  outer: Flags,
  environment: Environment,
): Promise<ResolvedLine> {
  if (line.length === 0) {
    const declared = mergeOptions([...(await loadCommands()).map(({ options }) => options), commonOptions]);
    return { declared, settings: await resolveOptions(declared, outer, environment) };
  }
  const resolved = Promise.withResolvers<ResolvedLine>();
  const program = await createProgram(meantCommands(line), async ({ options }, { flags }) => {
    const declared = { ...options, ...commonOptions };
    const settings = await resolveOptions(declared, { ...outer, ...flags }, environment);
    resolved.resolve({ declared, settings });
  });
  await program.parseAsync(line, { from: "user" });
  return resolved.promise;
}

/** Whether the help or the version was shown, on request or for want of a command. */
function isHelp({ code }: CommanderError): boolean {
  return code.startsWith("commander.help") || code === "commander.version";
}

function usageError({ message }: CommanderError): NarunError {
  const detail = message
    .replace(/^error: /, "")
    .replace(/\n\((.*)\)$/, "; $1")
    .replace("; Did", "; did");
  return new NarunError("USAGE", { detail: detail.replace(/\.$/, "") });
}
