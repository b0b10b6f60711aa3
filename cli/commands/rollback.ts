import type { Command } from "commander";
import { rollback } from "../../builder/index.ts";
import { shortRevision } from "../../contracts/index.ts";
import { withNats } from "../session.ts";

export function addRollbackCommand(program: Command): void {
  program
    .command("rollback <name>")
    .description("make an earlier revision live again")
    .option("--to <revision>", "which one, or its first digits (default: the one before)")
    .action((name: string, { to }: { to?: string }, command: Command) =>
      withNats(command, async (nats, output) => {
        const result = await rollback(nats, name, to);
        if (output.isJson) return output.json(result);
        const from = result.from === undefined ? "" : ` (was ${shortRevision(result.from)})`;
        output.line(`${output.colours.bold(name)}  ${shortRevision(result.revision)}  live${from}`);
      }),
    );
}
