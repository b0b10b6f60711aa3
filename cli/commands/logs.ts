import type { Command } from "commander";
import type { LogLine } from "../../contracts/index.ts";
import { ensureLogHistory, readLogs } from "../../nats/index.ts";
import type { Output } from "../output.ts";
import { parseDuration, untilStopped, withNats } from "../session.ts";

export function addLogsCommand(program: Command): void {
  program
    .command("logs [name]")
    .description("show what functions print, and why they fail")
    .option("-f, --follow", "go on with the lines that come")
    .option("--since <duration>", "how far back: 30s, 10m, 2h, 1d", "1h")
    .action((name: string | undefined, options: { follow?: boolean; since: string }, command: Command) =>
      withNats(command, async (nats, output) => {
        const since = new Date(Date.now() - parseDuration(options.since, "--since"));
        await ensureLogHistory(nats);
        const { signal } = untilStopped();
        const follow = options.follow === true;
        for await (const line of readLogs(nats, {
          ...(name === undefined ? {} : { app: name }),
          since,
          follow,
          signal,
        })) {
          if (output.isJson) output.json(line);
          else showLogLine(output, line, name === undefined);
        }
      }),
    );
}

export function showLogLine(output: Output, line: LogLine, withName: boolean): void {
  const { bold, dim, red, yellow } = output.colours;
  const level = line.level ?? (line.stream === "stderr" ? "error" : "info");
  const colour = level === "error" ? red : level === "warn" ? yellow : (text: string) => text;
  const time = dim(line.timestamp.slice(11, 23));
  const name = withName ? `${bold(line.app_name)} ` : "";
  output.line(`${time} ${name}${colour(`${level.padEnd(5)} ${line.message}`)}`);
}
