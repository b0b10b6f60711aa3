import { listNodes } from "../../control/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { formatAge } from "../output/format-time.ts";

export const nodesCommand = defineCommand({
  usage: "nodes",
  says: "list the nodes that run functions",
  options: {},
  examples: [
    ["narun nodes", "states, modes, instances, labels"],
    ["narun nodes --json", "for scripts"],
  ],
  async run(_args, { output, connect }) {
    const nats = await connect();
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
  },
});
