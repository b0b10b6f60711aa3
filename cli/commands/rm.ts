import type { Command } from "commander";
import { removeFunction } from "../../control/index.ts";
import { addExamples } from "../examples.ts";
import { withNats } from "../session.ts";

export function addRmCommand(program: Command): void {
  const command = program
    .command("rm <name>")
    .description("remove a function with all its revisions")
    .action((name: string, _options: object, command: Command) =>
      withNats(command, async (nats, output) => {
        await removeFunction(nats, name);
        if (output.isJson) return output.json({ name, removed: true });
        output.line(`${output.colours.bold(name)}  removed`);
      }),
    );
  addExamples(command, [["narun rm hello", "running instances finish what they have"]]);
}
