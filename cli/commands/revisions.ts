import { formatBytes } from "../../builder/index.ts";
import { shortRevision } from "../../contracts/index.ts";
import { listRevisions } from "../../control/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { formatAge } from "../output/format-time.ts";

export const revisionsCommand = defineCommand({
  usage: "revisions <name>",
  says: "list the revisions of a function, newest first",
  options: {},
  examples: [["narun revisions hello", "the latest push is the first row"]],
  async run({ name }, { output, connect }) {
    const nats = await connect();
    const revisions = await listRevisions(nats, name);
    if (output.isJson) return output.json(revisions);
    output.table(
      [
        { title: "REVISION", value: (row) => shortRevision(row.revision) },
        {
          title: "LIVE",
          value: (row) => (row.active ? "live" : ""),
          colour: (text) => output.colours.green(text),
        },
        { title: "SIZE", value: (row) => formatBytes(row.size), align: "right" },
        { title: "PUSHED", value: (row) => `${formatAge(row.pushedAt)} ago`, align: "right" },
      ],
      revisions,
    );
  },
});
