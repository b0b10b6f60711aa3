import type { Command } from "commander";
import { formatBytes } from "../../builder/index.ts";
import { shortRevision } from "../../contracts/index.ts";
import { listRevisions } from "../../control/index.ts";
import { addExamples } from "../examples.ts";
import { formatAge } from "../output/format-time.ts";
import { withNats } from "../session.ts";

export function addRevisionsCommand(program: Command): void {
  const command = program
    .command("revisions <name>")
    .description("list the revisions of a function, newest first")
    .action((name: string, _options: object, command: Command) =>
      withNats(command, async (nats, output) => {
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
      }),
    );
  addExamples(command, [["narun revisions hello", "the first is what was pushed last"]]);
}
