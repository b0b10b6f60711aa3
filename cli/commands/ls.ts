import { listFunctions } from "../../control/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { showFunctions } from "../output/function-table.ts";

export const lsCommand = defineCommand({
  usage: "ls",
  says: "list the functions",
  options: {},
  examples: [
    ["narun ls", "names, revisions, states, URLs"],
    ["narun ls --json", "for scripts"],
  ],
  async run(_args, { output, connect }) {
    const rows = await listFunctions(await connect());
    if (output.isJson) return output.json(rows);
    if (rows.length === 0)
      return output.note("No functions yet. `narun init hello`, then `narun push hello`.");
    showFunctions(output, rows);
  },
});
