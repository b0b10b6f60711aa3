import { removeFunction } from "../../control/index.ts";
import { defineCommand } from "../command/define-command.ts";

export const rmCommand = defineCommand({
  usage: "rm <name>",
  says: "remove a function or a service with all its revisions and files",
  options: {},
  examples: [["narun rm hello", "running instances finish their requests"]],
  async run({ name }, { output, connect }) {
    await removeFunction(await connect(), name);
    if (output.isJson) return output.json({ name, removed: true });
    output.line(`${output.colours.bold(name)}  removed`);
  },
});
