import { LOG_LEVELS } from "../../contracts/index.ts";
import { matchesFilter, requireLogs } from "../../control/index.ts";
import { ensureLogHistory, type HistoryEntry, readEvents, readLogs } from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { openLogLine, type ShownLine } from "../open-log-line.ts";
import { openerOf, type SealedOpener } from "../open-sealed.ts";
import { asText, type GivenText, toggle, value } from "../options/option.ts";
import { keysAs, keysDir, keysPassphrase } from "../options/storage.ts";
import { oneOf, parseMoment, wrongUse, wrongValue } from "../options/values.ts";
import { createLogView } from "../output/log-view.ts";
import { untilStopped } from "../until-stopped.ts";

const logsOptions = {
  follow: toggle({ flag: "-f, --follow", help: "go on with new lines as they come" }),
  since: value({
    flag: "--since <time>",
    help: "how far back: 30s, 10m, 2h, 1d, or a time in ISO 8601",
    fallback: "1h",
    parse: (given) => ({ text: given.text, from: parseMoment(given) }),
  }),
  until: value({
    flag: "--until <time>",
    help: "only lines until then, in the same forms",
    parse: parseMoment,
  }),
  grep: value({
    flag: "--grep <pattern>",
    help: "only messages that the regular expression finds something in",
    parse: parsePattern,
  }),
  level: value({
    flag: "--level <level>",
    help: `only lines of this level and graver ones: ${LOG_LEVELS.join(", ")}`,
    parse: oneOf(LOG_LEVELS),
  }),
  instance: value({
    flag: "--instance <name>",
    help: "only lines of instances whose names begin so",
    parse: asText,
  }),
  trace: value({ flag: "--trace <id>", help: "only lines of the traces whose ids begin so", parse: asText }),
  ...{ keysAs, keysDir, keysPassphrase },
  status: toggle({
    flag: "--status",
    help: "also the starts and ends of instances, with exit codes and signals",
  }),
};

export const logsCommand = defineCommand({
  usage: "logs [name]",
  says: "show what functions print, and why they fail",
  options: logsOptions,
  examples: [
    ["narun logs hello -f", "the last hour, then new lines as they come"],
    ["narun logs --since 10m --json", "of all functions, one JSON object a line"],
    ["narun logs hello --status --level error", "failures, and instances that crashed"],
    ["narun logs shop --as user:ann --keys keys", "with the texts that are sealed for a user"],
  ],
  run: ({ name }, context) => showLogs(name, context),
});

async function showLogs(
  name: string | undefined,
  { options, output, connect }: CommandContext<typeof logsOptions>,
): Promise<void> {
  const { follow, since, until, status, grep, level, instance, trace } = options;
  const filter = { grep, level, instance, trace };
  if (follow && until !== undefined)
    throw wrongUse("--follow has no end, and --until is one; take one of them");
  const nats = await connect();
  await ensureLogHistory(nats);
  const { signal } = untilStopped();
  const view = createLogView(output, { withNames: name === undefined });
  // A name that nothing can ever log under is a mistake. The kept logs of a removed function are not.
  if (follow && name !== undefined) await requireLogs(nats, name);
  const range = {
    ...(name === undefined ? {} : { app: name }),
    since: since.from,
    ...(until === undefined ? {} : { until }),
    ...{ follow, signal },
  };
  using opener = openerOf(nats, options);
  let count = 0;
  let unsearched = 0;
  for await (const stored of status ? readEvents(nats, range) : readLines(nats, range)) {
    const { entry, closed } = await openEntry(stored, opener);
    // The text that stands for a sealed one is none to search in.
    const fits = matchesFilter(entry, closed === undefined ? filter : { ...filter, grep: undefined });
    if (!fits) continue;
    if (closed !== undefined && grep !== undefined) {
      unsearched += 1;
      continue;
    }
    count += 1;
    if (!output.isJson) view.show(entry);
    else if (entry.kind === "line") output.json({ ...entry.line, ...closed });
    else output.json({ app_name: entry.app, ...entry.event });
  }
  if (unsearched > 0) output.note(`${unsearched} sealed lines were not searched: ${HOW_TO_OPEN}.`);
  if (count > 0 || follow) return;
  if (name !== undefined) await requireLogs(nats, name);
  const isFiltered = Object.values(filter).some((part) => part !== undefined);
  if (isFiltered || until !== undefined) output.note("Nothing that was logged fits.");
  else if (/^\d+(\.\d+)?[a-z]+$/.test(since.text))
    output.note(`Nothing was logged in the last ${since.text}.`);
  else output.note(`Nothing was logged since ${since.text}.`);
}

const HOW_TO_OPEN = "--as user:NAME and --keys open them, where their label is granted to the user";

/** The same entry, with the text of its line in clear where it opens. */
async function openEntry(
  entry: HistoryEntry,
  { open }: Pick<SealedOpener, "open">,
): Promise<{ entry: HistoryEntry; closed?: ShownLine["closed"] }> {
  if (entry.kind === "status") return { entry };
  const { line, closed } = await openLogLine(entry.line, open);
  return { entry: { kind: "line", line }, ...(closed && { closed }) };
}

async function* readLines(...parameters: Parameters<typeof readLogs>) {
  for await (const line of readLogs(...parameters)) yield { kind: "line" as const, line };
}

function parsePattern(given: GivenText): RegExp {
  try {
    return new RegExp(given.text, "u");
  } catch {
    throw wrongValue(given, "a regular expression");
  }
}
