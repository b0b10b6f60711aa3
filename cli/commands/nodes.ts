import type { Command } from "commander";
import { listNodes } from "../../control/index.ts";
import { addExamples } from "../examples.ts";
import { formatAge } from "../output/format-time.ts";
import { withNats } from "../session.ts";

export function addNodesCommand(program: Command): void {
  const command = program
    .command("nodes")
    .description("list the nodes that run functions")
    .action((_options: object, command: Command) =>
      withNats(command, async (nats, output) => {
        const nodes = await listNodes(nats);
        if (output.isJson) return output.json(nodes);
        if (nodes.length === 0) return output.note("No node runs. `narun node` starts one.");
        output.table(
          [
            { title: "NODE", value: (row) => row.node, colour: output.colours.bold },
            {
              title: "STATE",
              value: (row) => row.state,
              colour: (text, row) => (row.state === "lost" ? output.colours.red(text) : text),
            },
            { title: "OS", value: (row) => [row.os, row.arch].filter(Boolean).join("/") || "-" },
            { title: "MODES", value: (row) => row.modes.join(",") || "-", isExtra: true },
            { title: "INSTANCES", value: (row) => String(row.instances), align: "right" },
            {
              title: "LABELS",
              value: (row) =>
                Object.entries(row.labels)
                  .map(([key, value]) => `${key}=${value}`)
                  .join(",") || "-",
            },
            { title: "SEEN", value: (row) => `${formatAge(row.lastSeen)} ago`, align: "right" },
          ],
          nodes,
        );
      }),
    );
  addExamples(command, [
    ["narun nodes", "states, modes, instances, labels"],
    ["narun nodes --json", "for scripts"],
  ]);
}
