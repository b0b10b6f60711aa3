import { Command, CommanderError } from "commander";
import { errorEntry, isNarunError, messageOf, NarunError } from "../contracts/index.ts";
import { addBuildCommand } from "./commands/build.ts";
import { addDevCommand } from "./commands/dev.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addGatewayCommand } from "./commands/gateway.ts";
import { addInitCommand } from "./commands/init.ts";
import { addInvokeCommand } from "./commands/invoke.ts";
import { addLogsCommand } from "./commands/logs.ts";
import { addLsCommand } from "./commands/ls.ts";
import { addNodeCommand } from "./commands/node.ts";
import { addNodesCommand } from "./commands/nodes.ts";
import { addPsCommand } from "./commands/ps.ts";
import { addPushCommand } from "./commands/push.ts";
import { addRevisionsCommand } from "./commands/revisions.ts";
import { addRmCommand } from "./commands/rm.ts";
import { addRollbackCommand } from "./commands/rollback.ts";
import { addUpCommand } from "./commands/up.ts";
import { createOutput } from "./output.ts";
import { version } from "./version.ts";

const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

const COMMANDS = [
  addUpCommand,
  addDevCommand,
  addInitCommand,
  addBuildCommand,
  addPushCommand,
  addRollbackCommand,
  addRmCommand,
  addLsCommand,
  addPsCommand,
  addRevisionsCommand,
  addNodesCommand,
  addInvokeCommand,
  addLogsCommand,
  addGatewayCommand,
  addNodeCommand,
  addDoctorCommand,
];

/** Runs the command line; resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync(args, { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    report(error, args.includes("--json"));
    return isNarunError(error, "USAGE") ? exitCodes.usage : exitCodes.failed;
  }
}

function createProgram(): Command {
  const program = new Command("narun")
    .description("Self-hosted, scale-to-zero functions on NATS")
    .version(version)
    .option("--nats <url>", "NATS server to use (NARUN_NATS_URL; default nats://127.0.0.1:4222)")
    .option("--creds <file>", "NATS credentials file (NARUN_CREDS)")
    .option("--json", "write JSON")
    .option("--quiet", "write results only")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  for (const add of COMMANDS) add(program);
  // Sub-commands do not inherit it.
  for (const command of program.commands) command.exitOverride();
  return program;
}

/** Errors go to standard error: what, why, how to fix. A stack only where narun itself is at fault. */
function report(error: unknown, isJson: boolean): void {
  const output = createOutput();
  const known = error instanceof NarunError ? error : undefined;
  if (isJson) {
    output.error(
      JSON.stringify({
        error: {
          code: known?.code ?? "INTERNAL",
          message: messageOf(error),
          ...(known === undefined ? {} : { solve: errorEntry(known.code).solve }),
        },
      }),
    );
    return;
  }
  if (known === undefined) {
    output.error(`narun failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return;
  }
  const stack = known.fields.stack;
  output.error(
    [
      `narun: ${known.message}`,
      ...(typeof stack === "string" ? [stack] : []),
      errorEntry(known.code).solve,
    ].join("\n"),
  );
}
