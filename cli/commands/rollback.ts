import { shortRevision } from "../../contracts/index.ts";
import { rollback } from "../../control/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { allowClear } from "../options/clear.ts";
import { asText, value } from "../options/option.ts";
import { describeLive, describeReplacing, showCleared } from "../output/live-state.ts";

const to = value({
  flag: "--to <revision>",
  help: "the revision, or its first digits",
  fallbackHelp: "the one before the live one",
  parse: asText,
});

export const rollbackCommand = defineCommand({
  usage: "rollback <name>",
  says: "make an earlier revision live again",
  options: { to, allowClear },
  examples: [
    ["narun rollback hello", "the revision that was pushed before the live one"],
    ["narun rollback hello --to 1f3a9c", "a revision by its first digits"],
  ],
  async run({ name }, { options, output, connect }) {
    const nats = await connect();
    const progress = output.progress(`trying an earlier revision of ${name}`);
    const result = await rollback(nats, name, options.to, options).finally(() => progress.end());
    if (output.isJson) return output.json(result);
    const from = result.from === undefined ? "" : ` (was ${shortRevision(result.from)})`;
    const state = describeLive(output, result.answering);
    output.line(`${output.colours.bold(name)}  ${shortRevision(result.revision)}  ${state}${from}`);
    showCleared(output, result.cleared);
    if (!result.answering) output.note(describeReplacing(name));
  },
});
