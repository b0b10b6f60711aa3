import { isFinal } from "../../contracts/index.ts";
import { listWorkflows, removeFunction } from "../../control/index.ts";
import type { Nats } from "../../nats/index.ts";
import { defineCommand } from "../command/define-command.ts";

export const rmCommand = defineCommand({
  usage: "rm <name>",
  says: "remove a function or a service with all its revisions and files",
  options: {},
  examples: [["narun rm hello", "running instances finish their requests"]],
  async run({ name }, { output, connect }) {
    const nats = await connect();
    await removeFunction(nats, name);
    if (output.isJson) return output.json({ name, removed: true });
    output.line(`${output.colours.bold(name)}  removed`);
    const open = await countOpen(nats, name);
    if (open > 0) output.note(describeOpen(name, open));
  },
});

/** The workflows of a function that have not ended. A login that may not read journals sees none. */
async function countOpen(nats: Nats, workflow: string): Promise<number> {
  let count = 0;
  try {
    for await (const { state } of listWorkflows(nats, { workflow })) if (!isFinal(state)) count += 1;
  } catch {
    return 0;
  }
  return count;
}

function describeOpen(name: string, count: number): string {
  const kept =
    count === 1 ? "1 workflow that has not ended waits" : `${count} workflows that have not ended wait`;
  return `${kept} for a function of this name: \`narun workflow ls ${name}\` lists, \`narun workflow rm ${name} ID --force\` deletes.`;
}
