import { requireLogs } from "../../control/index.ts";
import { ensureLogHistory, readLogs } from "../../nats/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { toggle, value } from "../options/option.ts";
import { parseDuration } from "../options/values.ts";
import { createLogView } from "../output/log-view.ts";
import { untilStopped } from "../until-stopped.ts";

const follow = toggle({ flag: "-f, --follow", help: "go on with new lines as they come" });

const since = value({
  flag: "--since <duration>",
  help: "how far back: 30s, 10m, 2h, 1d",
  fallback: "1h",
  parse: (given) => ({ text: given.text, ms: parseDuration(given) }),
});

export const logsCommand = defineCommand({
  usage: "logs [name]",
  says: "show what functions print, and why they fail",
  options: { follow, since },
  examples: [
    ["narun logs hello -f", "the last hour, then new lines as they come"],
    ["narun logs --since 10m --json", "of all functions, one JSON object a line"],
  ],
  async run({ name }, { options: { follow, since }, output, connect }) {
    const nats = await connect();
    const from = new Date(Date.now() - since.ms);
    const app = name === undefined ? {} : { app: name };
    await ensureLogHistory(nats);
    const { signal } = untilStopped();
    const view = createLogView(output, { withNames: name === undefined });
    let count = 0;
    // A name that nothing can ever log under is a mistake. The kept logs of a removed function are not.
    if (follow && name !== undefined) await requireLogs(nats, name);
    for await (const line of readLogs(nats, { ...app, since: from, follow, signal })) {
      count += 1;
      if (output.isJson) output.json(line);
      else view.show(line);
    }
    if (count > 0 || follow) return;
    if (name !== undefined) await requireLogs(nats, name);
    output.note(`Nothing was logged in the last ${since.text}.`);
  },
});
