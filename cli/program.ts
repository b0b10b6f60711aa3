import { Command, CommanderError } from "commander";
import { NarunError } from "../contracts/index.ts";
import { addNatsOptions } from "./nats-login.ts";
import { exitCodeOf, reportError } from "./output/report-error.ts";
import { version } from "./version.ts";

type AddCommand = (program: Command) => void;

/** The commands in the order of the help. A command's module is loaded only where it is meant: all of them take twice as long. */
const COMMANDS: Record<string, () => Promise<AddCommand>> = {
  up: async () => (await import("./commands/up.ts")).addUpCommand,
  dev: async () => (await import("./commands/dev.ts")).addDevCommand,
  init: async () => (await import("./commands/init.ts")).addInitCommand,
  build: async () => (await import("./commands/build.ts")).addBuildCommand,
  types: async () => (await import("./commands/types.ts")).addTypesCommand,
  push: async () => (await import("./commands/push.ts")).addPushCommand,
  rollback: async () => (await import("./commands/rollback.ts")).addRollbackCommand,
  rm: async () => (await import("./commands/rm.ts")).addRmCommand,
  ls: async () => (await import("./commands/ls.ts")).addLsCommand,
  ps: async () => (await import("./commands/ps.ts")).addPsCommand,
  revisions: async () => (await import("./commands/revisions.ts")).addRevisionsCommand,
  nodes: async () => (await import("./commands/nodes.ts")).addNodesCommand,
  invoke: async () => (await import("./commands/invoke.ts")).addInvokeCommand,
  secret: async () => (await import("./commands/secret.ts")).addSecretCommand,
  logs: async () => (await import("./commands/logs.ts")).addLogsCommand,
  gateway: async () => (await import("./commands/gateway.ts")).addGatewayCommand,
  node: async () => (await import("./commands/node.ts")).addNodeCommand,
  doctor: async () => (await import("./commands/doctor.ts")).addDoctorCommand,
};

/** Runs the command line; resolves with the exit code: 0 ok, 1 failed, 2 not used like this. */
export async function run(args: readonly string[]): Promise<number> {
  const meant = meantCommands(args);
  try {
    const program = await createProgram(meant);
    await program.parseAsync(args, { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError && isHelp(thrown)) return thrown.exitCode === 0 ? 0 : 2;
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
    const help = meant.length === 1 ? `narun ${meant[0]} --help` : "narun --help";
    reportError(error, { isJson: args.includes("--json"), help });
    return exitCodeOf(error);
  }
}

/** The commands whose names are among the arguments; all of them where none is: for the help, and the nearest of a wrong name. */
function meantCommands(args: readonly string[]): string[] {
  const names = Object.keys(COMMANDS);
  const meant = names.filter((name) => args.includes(name));
  return meant.length === 0 ? names : meant;
}

async function createProgram(names: readonly string[]): Promise<Command> {
  const program = addNatsOptions(new Command("narun"))
    .description("Self-hosted, scale-to-zero functions on NATS")
    .version(version)
    .option("--json", "write JSON")
    .option("--quiet", "write results only")
    .configureHelp({ showGlobalOptions: true })
    // What is wrong is reported below, like every other error.
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText("after", "\nA first function:\n  $ narun init hello && cd hello && narun dev");
  const added = await Promise.all(names.map((name) => COMMANDS[name]?.()));
  for (const add of added) add?.(program);
  return program;
}

/** Help that was asked for, or that is shown because no command was named. */
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
