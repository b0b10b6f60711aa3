import type { Command } from "commander";
import { requireLogs } from "../../control/index.ts";
import { ensureLogHistory, type Nats, readLogs } from "../../nats/index.ts";
import { addExamples } from "../examples.ts";
import { parseDuration } from "../option-values.ts";
import { createLogView } from "../output/log-view.ts";
import type { Output } from "../output/output.ts";
import { withNats } from "../session.ts";
import { untilStopped } from "../until-stopped.ts";

interface LogsOptions {
  follow?: boolean;
  since: string;
}

export function addLogsCommand(program: Command): void {
  const command = program
    .command("logs [name]")
    .description("show what functions print, and why they fail")
    .option("-f, --follow", "go on with the lines that come")
    .option("--since <duration>", "how far back: 30s, 10m, 2h, 1d", "1h")
    .action(async (name: string | undefined, options: LogsOptions, command: Command) => {
      const sinceMs = parseDuration(options.since, "--since");
      await withNats(command, (nats, output) => showLogs(nats, output, name, options, sinceMs));
    });
  addExamples(command, [
    ["narun logs hello -f", "the last hour, then whatever comes"],
    ["narun logs --since 10m --json", "of all functions, one JSON object a line"],
  ]);
}

async function showLogs(
  nats: Nats,
  output: Output,
  name: string | undefined,
  { follow = false, since: asked }: LogsOptions,
  sinceMs: number,
): Promise<void> {
  const since = new Date(Date.now() - sinceMs);
  const app = name === undefined ? {} : { app: name };
  await ensureLogHistory(nats);
  const { signal } = untilStopped();
  const view = createLogView(output, { withNames: name === undefined });
  let count = 0;
  // To follow what nothing will ever write is a mistake that shows only now; the logs of what was removed are kept.
  if (follow && name !== undefined) await requireLogs(nats, name);
  for await (const line of readLogs(nats, { ...app, since, follow, signal })) {
    count += 1;
    if (output.isJson) output.json(line);
    else view.show(line);
  }
  if (count > 0 || follow) return;
  if (name !== undefined) await requireLogs(nats, name);
  output.note(`Nothing was logged in the last ${asked}.`);
}
