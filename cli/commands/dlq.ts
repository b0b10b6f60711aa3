import { NarunError } from "../../contracts/index.ts";
import {
  type LetterFilter,
  type LetterOutcome,
  listLetters,
  purgeLetters,
  redriveLetters,
  showLetter,
} from "../../control/index.ts";
import type { Nats, StoredLetter } from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { asText, toggle, value } from "../options/option.ts";
import { oneOf, parseMoment, wrongUse } from "../options/values.ts";
import { formatAge } from "../output/format-time.ts";
import type { Output } from "../output/output.ts";

const ACTIONS = ["ls", "show", "redrive", "purge"] as const;

const dlqOptions = {
  function: value({ flag: "--function <name>", help: "only letters of this function", parse: asText }),
  stream: value({ flag: "--stream <name>", help: "only messages of this stream", parse: asText }),
  subject: value({
    flag: "--subject <pattern>",
    help: "only messages of these subjects: orders.*",
    parse: asText,
  }),
  since: value({
    flag: "--since <time>",
    help: "given up since then: 10m, 2h, 1d, or a time in ISO 8601",
    parse: parseMoment,
  }),
  error: value({ flag: "--error <text>", help: "an error's code, or a part of its message", parse: asText }),
  all: toggle({ flag: "--all", help: "redrive, purge: every letter, without a filter" }),
  dryRun: toggle({ flag: "--dry-run", help: "redrive, purge: show what would be done" }),
};

type Context = CommandContext<typeof dlqOptions>;

export const dlqCommand = defineCommand({
  usage: "dlq <action> [id...]",
  says: "ls, show, redrive or purge the messages that functions did not take",
  options: dlqOptions,
  examples: [
    ["narun dlq ls --function orders --since 1d", ""],
    ["narun dlq show 12", "the error with its stack, the header fields, the data"],
    ["narun dlq redrive --function orders --error timeout --dry-run", "which ones would go back"],
    ["narun dlq redrive 12 13", "back to their stream, for their function alone"],
    ["narun dlq purge --all", "deletes every letter"],
  ],
  async run({ action, id }, context) {
    const chosen = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun dlq" } });
    const ids = id.map(parseId);
    if (chosen === "show") return show(await context.connect(), context.output, ids);
    const filter = filterOf(context, ids);
    if (chosen === "ls") return list(await context.connect(), context.output, filter);
    const isWhole = Object.values(filter).every((part) => part === undefined);
    if (isWhole && !context.options.all) throw wrongUse(`narun dlq ${chosen} needs ids, a filter, or --all`);
    return settle(chosen, filter, context);
  },
});

function parseId(text: string): number {
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  throw wrongUse(`${JSON.stringify(text)} is no id of a dead letter: \`narun dlq ls\` shows them`);
}

function filterOf({ options }: Context, ids: readonly number[]): LetterFilter {
  const { function: name, stream, subject, since, error } = options;
  return { ids: ids.length === 0 ? undefined : ids, function: name, stream, subject, since, error };
}

/** The facts of a letter for programs. */
function factsOf({ data: _data, ...facts }: StoredLetter): object {
  return facts;
}

async function list(nats: Nats, output: Output, filter: LetterFilter): Promise<void> {
  showTable(output, await listLetters(nats, filter));
}

function showTable(output: Output, letters: readonly StoredLetter[]): void {
  if (output.isJson) output.json(letters.map(factsOf));
  else if (letters.length === 0) output.note("No dead letters.");
  else showRows(output, letters);
}

function showRows(output: Output, letters: readonly StoredLetter[]): void {
  output.table(
    [
      { title: "ID", value: (row) => String(row.id), align: "right" },
      { title: "FUNCTION", value: (row) => row.function, colour: output.colours.bold },
      { title: "SUBJECT", value: (row) => row.subject },
      { title: "STREAM", value: (row) => `${row.stream} ${row.sequence}`, isExtra: true },
      { title: "ATTEMPTS", value: (row) => String(row.attempts), align: "right" },
      { title: "DIED", value: (row) => `${formatAge(row.diedAt)} ago`, align: "right" },
      { title: "ERROR", value: (row) => firstLine(row.error.message) },
    ],
    letters,
  );
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

async function show(nats: Nats, output: Output, [id, ...others]: readonly number[]): Promise<void> {
  if (id === undefined || others.length > 0) throw wrongUse("narun dlq show takes one id");
  const letter = await showLetter(nats, id);
  if (output.isJson) return output.json({ ...factsOf(letter), ...textOrBase64(letter.data) });
  const { error, headers } = letter;
  output.line(`${output.colours.bold(letter.function)}  ${letter.subject}`);
  output.line(`stream    ${letter.stream}, sequence ${letter.sequence}, stored ${letter.storedAt}`);
  output.line(`attempts  ${letter.attempts}, given up ${letter.diedAt}`);
  output.line(`error     ${error.code === undefined ? "" : `${error.code}: `}${error.message}`);
  if (error.stack !== undefined) output.line(error.stack);
  for (const [name, values] of Object.entries(headers))
    for (const value of values) output.line(`${name}: ${value}`);
  output.line("");
  output.bytes(letter.data);
}

function textOrBase64(data: Uint8Array): { data: string } | { dataBase64: string } {
  try {
    return { data: new TextDecoder("utf-8", { fatal: true }).decode(data) };
  } catch {
    return { dataBase64: Buffer.from(data).toString("base64") };
  }
}

async function settle(action: "redrive" | "purge", filter: LetterFilter, context: Context): Promise<void> {
  const { output, options, connect } = context;
  const nats = await connect();
  if (options.dryRun) return showTable(output, await listLetters(nats, filter));
  const outcomes: LetterOutcome[] = [];
  const note = (outcome: LetterOutcome) => void outcomes.push(outcome);
  await (action === "redrive" ? redriveLetters : purgeLetters)(nats, filter, note);
  const failed = outcomes.filter(({ error }) => error !== undefined);
  const done = outcomes.length - failed.length;
  if (output.isJson) {
    const reasons = failed.map(({ letter, error }) => ({
      id: letter.id,
      code: error?.code,
      message: error?.message,
    }));
    output.json({ [action === "redrive" ? "redriven" : "purged"]: done, failed: reasons });
  } else {
    output.line(`${done} ${action === "redrive" ? "sent back" : "deleted"}`);
  }
  const [first] = failed;
  if (first?.error === undefined) return;
  const detail = `${failed.length} of ${outcomes.length} stay; ${first.letter.id}: ${first.error.message}`;
  throw new NarunError(first.error.code, { detail });
}
