import { shortRevision } from "../../contracts/index.ts";
import { listInstances } from "../../control/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { formatAge } from "../output/format-time.ts";

export const psCommand = defineCommand({
  usage: "ps",
  says: "list the instances that run",
  options: {},
  examples: [
    ["narun ps", "of every function, on every node"],
    ["narun ps --json", "for scripts"],
  ],
  async run(_args, { output, connect }) {
    const nats = await connect();
    const instances = await listInstances(nats);
    if (output.isJson) return output.json(instances);
    if (instances.length === 0) return output.note("Nothing runs: every function is asleep.");
    output.table(
      [
        { title: "FUNCTION", value: (row) => row.function, colour: output.colours.bold },
        { title: "INSTANCE", value: (row) => row.instance },
        { title: "NODE", value: (row) => row.node },
        { title: "REVISION", value: (row) => shortRevision(row.revision) || "-", isExtra: true },
        { title: "MODE", value: (row) => row.mode, isExtra: true },
        { title: "STATE", value: (row) => row.state },
        { title: "IN FLIGHT", value: (row) => String(row.inFlight), align: "right" },
        { title: "REQUESTS", value: (row) => String(row.requests), align: "right" },
        { title: "AGE", value: (row) => formatAge(row.startedAt), align: "right" },
      ],
      instances,
    );
  },
});
