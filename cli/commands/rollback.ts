import type { Command } from "commander";
import { shortRevision } from "../../contracts/index.ts";
import { rollback } from "../../control/index.ts";
import { addExamples } from "../examples.ts";
import { withNats } from "../session.ts";
import { describeLive, describeReplacing } from "./push.ts";

export function addRollbackCommand(program: Command): void {
  const command = program
    .command("rollback <name>")
    .description("make an earlier revision live again")
    .option("--to <revision>", "which one, or its first digits (default: the one before)")
    .action((name: string, { to }: { to?: string }, command: Command) =>
      withNats(command, async (nats, output) => {
        const progress = output.progress(`trying an earlier revision of ${name}`);
        const result = await rollback(nats, name, to).finally(() => progress.end());
        if (output.isJson) return output.json(result);
        const from = result.from === undefined ? "" : ` (was ${shortRevision(result.from)})`;
        const state = describeLive(output, result.answering);
        output.line(`${output.colours.bold(name)}  ${shortRevision(result.revision)}  ${state}${from}`);
        if (!result.answering) output.note(describeReplacing(name));
      }),
    );
  addExamples(command, [
    ["narun rollback hello", "the one that was pushed before the live one"],
    ["narun rollback hello --to 1f3a9c", "a revision by its first digits"],
  ]);
}
