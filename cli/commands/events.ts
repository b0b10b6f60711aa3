import { createHash, randomBytes } from "node:crypto";
import {
  headerNames,
  isEventPattern,
  isHeaderSafe,
  MAX_EVENT_ID,
  MAX_EVENT_KEY,
  MAX_EVENT_TTL_SECONDS,
} from "../../contracts/index.ts";
import { listEventSubjects, replayEvents } from "../../control/index.ts";
import { type FollowedItem, followEvents, openEvents, type StoredEvent } from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { type OpenSealed, openerOf } from "../open-sealed.ts";
import { allowClear } from "../options/clear.ts";
import { asText, type GivenText, toggle, value } from "../options/option.ts";
import { keysAs, keysDir, keysPassphrase } from "../options/storage.ts";
import { oneOf, parseMoment, wrongUse, wrongValue } from "../options/values.ts";
import { formatAge } from "../output/format-time.ts";
import type { Output } from "../output/output.ts";
import { publishEvent } from "../publish-event.ts";
import { untilStopped } from "../until-stopped.ts";

const ACTIONS = ["ls", "tail", "replay", "publish", "key"] as const;

const eventsOptions = {
  since: value({
    flag: "--since <time>",
    help: "tail, replay: events since then: 10m, 2h, 1d, or a time in ISO 8601",
    parse: parseMoment,
  }),
  eventKey: value({
    flag: "--key <key>",
    help: "only events of this key; publish: the event's key",
    parse: parseLine(MAX_EVENT_KEY),
  }),
  source: value({
    flag: "--source <name>",
    help: "tail, replay: only events of this function",
    parse: asText,
  }),
  stored: toggle({
    flag: "--stored",
    help: "tail: end after the events that are stored; all, without --since",
  }),
  to: value({
    flag: "--to <function>",
    help: "replay: the service whose handlers get the events",
    parse: asText,
  }),
  handler: value({ flag: "--handler <name>", help: "replay: only this handler of it", parse: asText }),
  dryRun: toggle({ flag: "--dry-run", help: "replay: show what would be done" }),
  retain: toggle({ flag: "--retain", help: "publish: keep it for hearers that come later" }),
  ttl: value({ flag: "--ttl <seconds>", help: "publish: how long it is kept", parse: parseSeconds }),
  id: value({
    flag: "--id <id>",
    help: "publish: a second event of this id is not published",
    parse: parseLine(MAX_EVENT_ID),
  }),
  encrypt: value({
    flag: "--encrypt <label>",
    help: "publish: seal the value for this label, as the user of --as",
    fallbackHelp: "the label that its hearers take",
    parse: asText,
  }),
  ...{ allowClear, keysAs, keysDir, keysPassphrase },
};

type Context = CommandContext<typeof eventsOptions>;

export const eventsCommand = defineCommand({
  usage: "events <action> [subject] [value]",
  says: "ls, tail, replay or publish events; key",
  options: eventsOptions,
  examples: [
    ["narun events ls 'orders.>'", "the subjects, with how many events each has"],
    ["narun events tail 'orders.*' --since 1h", "the last hour, then events as they come"],
    ["narun events publish orders.paid '{\"id\":7}' --key 7", "the value is JSON, or a text"],
    [
      "narun events publish till.sold '{\"card\":1}' --as user:ann --keys keys",
      "sealed for the label that its hearers take",
    ],
    ["narun events replay 'orders.>' --since 1h --to mails --dry-run", "which ones would be handled again"],
    ["narun events key", "a key for readers at the gateway, and its digest for `eventReaders`"],
  ],
  async run({ action, subject, value: text }, context) {
    const chosen = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun events" } });
    if (chosen === "key") return makeKey(context.output);
    if (chosen === "publish") return publishEvent(context, subject, text);
    const pattern = subject ?? ">";
    if (!isEventPattern(pattern)) throw wrongUse(`${JSON.stringify(pattern)} is no subject of events`);
    if (text !== undefined) throw wrongUse(`narun events ${chosen} takes one subject`);
    if (chosen === "ls") return list(context, pattern);
    if (chosen === "tail") return tail(context, pattern);
    if (subject === undefined) throw wrongUse("narun events replay needs a subject");
    return replay(context, pattern);
  },
});

/** What goes with an event as a header field. */
function parseLine(maxLength: number): (given: GivenText) => string {
  return (given) => {
    const { text } = given;
    const isLine = text !== "" && text === text.trim() && isHeaderSafe("Name", text);
    if (isLine && text.length <= maxLength) return text;
    throw wrongValue(given, `a text on one line of 1 to ${maxLength} characters, without space around it`);
  };
}

function parseSeconds(given: GivenText): number {
  const seconds = Number(given.text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_EVENT_TTL_SECONDS) return seconds;
  throw wrongValue(given, `a whole number of seconds from 1 to ${MAX_EVENT_TTL_SECONDS}`);
}

/** The key is shown once: narun knows its digest alone. */
function makeKey(output: Output): void {
  const key = randomBytes(32).toString("base64url");
  const digest = `sha256:${createHash("sha256").update(key).digest("hex")}`;
  if (output.isJson) output.json({ key, digest });
  else {
    output.line(`key     ${key}`);
    output.line(`digest  ${digest}`);
  }
}

async function list({ output, connect }: Context, pattern: string): Promise<void> {
  const rows = await listEventSubjects(await connect(), pattern);
  if (output.isJson) return output.json(rows);
  if (rows.length === 0) return output.note("No events.");
  output.table(
    [
      { title: "SUBJECT", value: (row) => row.subject, colour: output.colours.bold },
      { title: "EVENTS", value: (row) => String(row.events), align: "right" },
      {
        title: "RETAINED",
        value: (row) => (row.retained === undefined ? "-" : `${formatAge(row.retained)} ago`),
      },
    ],
    rows,
  );
}

async function tail({ output, connect, options }: Context, pattern: string): Promise<void> {
  const nats = await connect();
  const { since, stored } = options;
  const start =
    since !== undefined
      ? ({ kind: "since", at: since } as const)
      : ({ kind: stored ? "all" : "new" } as const);
  const { signal } = untilStopped();
  const events = await openEvents(nats);
  using opener = openerOf(nats, options);
  for await (const item of followEvents({ nats, events, pattern, start, isEnding: stored, signal })) {
    if (item.kind === "gap") showGap(output, item);
    else if (item.kind === "event" && isMeant(item.event, options))
      showEvent(output, item.event, await openValue(item.event, opener.open));
  }
}

function isMeant(event: StoredEvent, { eventKey: key, source }: Context["options"]): boolean {
  return (key === undefined || event.key === key) && (source === undefined || event.source === source);
}

function showGap(output: Output, { after, first }: Extract<FollowedItem, { kind: "gap" }>): void {
  output.note(`Events behind ${after} are gone: the stream begins with ${first} now.`);
}

/** The data of an event as it is shown. `sealed`: the label of a value that stays closed. */
interface Shown {
  data: Uint8Array;
  sealed?: string;
  /** The code by which it could not be opened. */
  closed?: string;
}

async function openValue({ headers, subject, data }: StoredEvent, open: OpenSealed): Promise<Shown> {
  const type = headers.get(headerNames.eventSealedType)?.[0];
  return type === undefined ? { data } : open(data, ["event", subject, type]);
}

function showEvent(output: Output, event: StoredEvent, { data, sealed, closed }: Shown = event): void {
  const { sequence, subject, key, source, storedAt, isRetained } = event;
  const why = closed === undefined ? "" : `: ${closed}`;
  const text = sealed === undefined ? Buffer.from(data).toString() : `(sealed for ${sealed}${why})`;
  if (output.isJson) {
    const at = storedAt.toISOString();
    const value = sealed === undefined ? valueIn(text, data) : { sealed, ...(closed && { closed }) };
    output.json({ sequence, subject, key, source, at, retained: isRetained, ...value });
    return;
  }
  const { bold, dim } = output.colours;
  const facts = [key === undefined ? "" : ` key=${key}`, isRetained ? " retained" : ""].join("");
  output.line(`${dim(storedAt.toISOString())} ${sequence} ${bold(subject)}${dim(facts)} ${text}`);
}

function valueIn(text: string, data: Uint8Array): object {
  if (data.byteLength === 0) return {};
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { base64: Buffer.from(data).toString("base64") };
  }
}

async function replay({ output, connect, options }: Context, pattern: string): Promise<void> {
  const { since, to, handler, dryRun, eventKey: key, source } = options;
  if (to === undefined)
    throw wrongUse("narun events replay needs --to: the service whose handlers get the events");
  const nats = await connect();
  const wanted = {
    pattern,
    since,
    to,
    handler,
    dryRun,
    isMeant: (event: StoredEvent) => isMeant(event, options),
  };
  const found: StoredEvent[] = [];
  const count = await replayEvents(nats, wanted, (event) => {
    if (dryRun) found.push(event);
  });
  if (dryRun) for (const event of found) showEvent(output, event);
  else if (output.isJson) output.json({ to, replayed: count });
  else output.line(`${count} sent to ${output.colours.bold(to)}`);
  if (count > 0) return;
  const isFiltered = [since, key, source].some((part) => part !== undefined);
  if (!isFiltered && !output.isJson) output.note("No events of this subject are stored.");
}
