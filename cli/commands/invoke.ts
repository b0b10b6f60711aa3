import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import {
  type DecodedReply,
  decodeReply,
  encodeRequest,
  encodeTrigger,
  errorEntry,
  type FieldReading,
  fieldName,
  type Headers,
  headerNames,
  isErrorCode,
  isHeaderSafe,
  isReservedHeader,
  MAX_FRAME_BYTES,
  messageOf,
  NarunError,
  NO_FIELDS,
  solveOf,
  type TriggerKind,
} from "../../contracts/index.ts";
import { requireKnownName } from "../../control/index.ts";
import { type Nats, openSpecs } from "../../nats/index.ts";
import {
  bytesLeft,
  callService,
  createOpenCalls,
  createPeers,
  createStreamPresence,
  type ServiceReply,
  type StreamParts,
} from "../../streams/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { TRIGGER_NAMES, type TriggerName, triggerFact } from "../functions/trigger-fact.ts";
import { asText, type GivenText, list, value } from "../options/option.ts";
import type { Values } from "../options/resolve.ts";
import { wrongUse, wrongValue } from "../options/values.ts";
import type { Output } from "../output/output.ts";

interface Call {
  method: string;
  path: string;
  trigger: TriggerKind | undefined;
  fields: [string, string][];
  body: Uint8Array;
}

type AnsweredCall = Exclude<ServiceReply, { kind: "failed" }>;

/** How long to wait for an answer: the upper bound of `limits.timeoutMs`, and a margin. */
const MAX_WAIT_MS = 3_605_000;

const invokeOptions = {
  data: value({
    flag: "-d, --data <data>",
    help: "the body: text, @file, or - for standard input",
    parse: asText,
  }),
  header: list({
    flag: "-H, --header <field>",
    help: "a header field, like 'Accept: text/html'; may be given more than once",
    parse: (texts) => texts.map(parseField),
  }),
  path: value({ flag: "--path <path>", help: "path and query", fallbackHelp: "/NAME", parse: asText }),
  method: value({
    flag: "-X, --method <method>",
    help: "the method",
    fallbackHelp: "POST with data, GET without",
    parse: parseMethod,
  }),
  trigger: value({
    flag: "--trigger <kind>",
    help: "call the handler of a trigger: schedule, queue or message",
    parse: parseTrigger,
  }),
  subject: value({
    flag: "--subject <subject>",
    help: "with --trigger: the subject of the message",
    fallbackHelp: "the first of narun.yaml",
    parse: asText,
  }),
};

export const invokeCommand = defineCommand({
  usage: "invoke <name>",
  says: "call a function over NATS",
  options: invokeOptions,
  examples: [
    ["narun invoke hello --path '/hello?name=Ada'", ""],
    ["narun invoke echo --data @picture.png > copy.png", "the body of a file; the answer as it is"],
    ["narun invoke hello -H 'Accept-Language: de'", "with a header field"],
    ["narun invoke ticks", "a stream: each part as it comes"],
    ["narun invoke report --trigger schedule", "as if the clock had called it"],
    [`narun invoke orders --trigger queue --data '{"id":1}'`, "a batch of one message"],
    [`echo '{"a":1}' | narun invoke echo --data - --json`, "status, header fields and body as JSON"],
  ],
  async run({ name }, { options, output, connect }) {
    const given = await resolveCall(name, options);
    const nats = await connect();
    await requireKnownName(nats, name);
    const request = await triggered(nats, name, given, options);
    const progress = output.progress(`waiting for ${name}`);
    const parts = {
      nats,
      peers: createPeers(nats),
      presence: createStreamPresence(nats),
      calls: createOpenCalls(nats),
    };
    try {
      const reply = await call(parts, name, request).finally(() => progress.end());
      await showReply(output, name, reply);
    } finally {
      parts.calls.close();
      parts.presence.close();
      parts.peers.close();
    }
  },
});

async function resolveCall(
  name: string,
  { data, header, path = `/${name}`, method }: Values<typeof invokeOptions>,
): Promise<Call> {
  return {
    method: method ?? (data === undefined ? "GET" : "POST"),
    path: path.startsWith("/") ? path : `/${path}`,
    trigger: undefined,
    fields: header,
    body: data === undefined ? Buffer.alloc(0) : await readData(data),
  };
}

function parseTrigger(given: GivenText): TriggerName {
  const name = TRIGGER_NAMES.find((one) => one === given.text);
  if (name !== undefined) return name;
  throw wrongValue(given, `one of ${TRIGGER_NAMES.join(", ")}`);
}

/** The call of a trigger: its body has the data and the fields. Error: USAGE. */
async function triggered(
  nats: Nats,
  name: string,
  given: Call,
  { trigger, subject, path, method }: Values<typeof invokeOptions>,
): Promise<Call> {
  if (trigger === undefined) {
    if (subject !== undefined) throw wrongUse("--subject goes with --trigger");
    return given;
  }
  if (path !== undefined || method !== undefined)
    throw wrongUse("--path and --method have no meaning with --trigger");
  const read = await (await openSpecs(nats)).get(name);
  const spec = read?.ok === true && read.value.kind === "function" ? read.value.spec : undefined;
  const fact = triggerFact(trigger, { data: given.body, fields: given.fields, subject, spec }, Date.now());
  return {
    method: "POST",
    path: `/.narun/${fact.kind}`,
    trigger: fact.kind,
    fields: [],
    body: encodeTrigger(fact),
  };
}

function parseMethod(given: GivenText): string {
  if (/^[A-Za-z]+$/.test(given.text)) return given.text.toUpperCase();
  throw wrongValue(given, "a word");
}

/** `Name: value`, as curl takes it. Error: USAGE. */
function parseField(text: string): [string, string] {
  const colon = text.indexOf(":");
  const name = text.slice(0, Math.max(0, colon));
  const value = text.slice(colon + 1).trim();
  if (!isHeaderSafe(name, value)) throw wrongUse(`--header takes 'NAME: VALUE', not ${JSON.stringify(text)}`);
  if (isReservedHeader(name)) throw wrongUse(`--header: ${name} is one of narun's or NATS' own names`);
  return [name, value];
}

async function readData(data: string): Promise<Uint8Array> {
  if (data === "-") return buffer(process.stdin);
  if (!data.startsWith("@")) return Buffer.from(data);
  return readFile(data.slice(1)).catch((error: unknown) => {
    throw new NarunError("USAGE", { detail: `--data: ${messageOf(error)}` }, { cause: error });
  });
}

async function call(
  parts: StreamParts,
  name: string,
  { method, path, trigger, fields, body }: Call,
): Promise<AnsweredCall> {
  const [rawPath = "", ...query] = bytesOf(path).split("?");
  const lastOf = (wanted: string) => fields.findLast(([name]) => name.toLowerCase() === wanted)?.[1] ?? "";
  const facts = {
    method,
    rawPath,
    query: query.join("?"),
    host: bytesOf(lastOf("host")),
    scheme: lastOf("x-forwarded-proto") === "https" ? "https" : "http",
    fields: fields.flatMap(([name, value]) => [name, bytesOf(value)]),
  } as const;
  const headers = encodeRequest(facts, {});
  if (headers === undefined)
    throw new NarunError("USAGE", { detail: "the path or a header field has a line end or a zero byte" });
  if (trigger !== undefined) headers.set(headerNames.trigger, [trigger]);
  const first = body.subarray(0, MAX_FRAME_BYTES);
  const rest = body.byteLength > first.byteLength ? bytesLeft(body.subarray(first.byteLength)) : undefined;
  const signal = new AbortController().signal;
  const reply = await callService(parts, {
    service: name,
    headers,
    first,
    rest,
    timeoutMs: MAX_WAIT_MS,
    signal,
  });
  if (reply.kind !== "failed") return reply;
  const detail = reply.code === "NO_CONSUMER" ? "no gateway runs" : reply.detail;
  throw new NarunError(reply.code, detail === undefined ? {} : { detail });
}

/** The UTF-8 of a text, one character a byte: the form of header fields. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString("latin1");
}

async function showReply(output: Output, name: string, reply: AnsweredCall): Promise<void> {
  const decoded = decodeReply(reply.message, READING);
  const code = decoded.kind === "failed" ? decoded.code : undefined;
  const status = statusOf(decoded);
  if (status >= 400) process.exitCode = 1;
  if (output.isJson) {
    const chunks: Uint8Array[] = [];
    await readBody(reply, async (bytes) => void chunks.push(bytes));
    const facts = { status, headers: publicHeaders(reply.message.headers), ...bodyOf(Buffer.concat(chunks)) };
    output.json(code === undefined ? facts : { ...facts, code });
  } else if (code !== undefined) {
    // The body of narun's own errors has no more than this line.
    output.error(`narun: ${status} ${code}: ${errorEntry(code).title}. ${solveOf(code, name)}`);
  } else {
    if (status >= 400) output.note(`status ${status}`);
    if (reply.kind === "whole") output.bytes(reply.message.data);
    else await readBody(reply, output.piece);
  }
}

const READING: FieldReading = { names: "as-sent", omitted: NO_FIELDS };

function statusOf(reply: DecodedReply): number {
  if (reply.kind === "response") return reply.status;
  const code = reply.kind === "failed" ? reply.code : "SERVICE_ERROR";
  return (reply.kind === "service-error" ? reply.status : undefined) ?? errorEntry(code).status ?? 500;
}

/** Reads an answer's body at the pace of `take`. Error: STREAM_BROKEN, or the code of the break. */
function readBody(reply: AnsweredCall, take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  if (reply.kind === "whole") return take(reply.message.data);
  const { body } = reply;
  return new Promise((resolve, reject) => {
    let taken = Promise.resolve();
    body.open({
      onData(bytes) {
        const piece = Buffer.from(bytes);
        taken = taken.then(() => take(piece)).then(() => body.consumed(bytes.byteLength));
      },
      onEnd(end) {
        if (end.kind === "whole") taken.then(resolve, reject);
        else reject(new NarunError(isErrorCode(end.code) ? end.code : "STREAM_BROKEN"));
      },
    });
  });
}

function publicHeaders(headers: Headers | undefined): Record<string, string[]> {
  return Object.fromEntries([...(headers ?? [])].filter(([name]) => fieldName(name).kind === "travels"));
}

/** The body as text where it is UTF-8, else as base64. */
function bodyOf(data: Uint8Array): { body: string } | { bodyBase64: string } {
  try {
    return { body: new TextDecoder("utf-8", { fatal: true }).decode(data) };
  } catch {
    return { bodyBase64: Buffer.from(data).toString("base64") };
  }
}
