import {
  type DecodedReply,
  decodeReply,
  encodeTrigger,
  errorEntry,
  type FieldReading,
  fieldName,
  type Headers,
  NO_FIELDS,
  solveOf,
} from "../../contracts/index.ts";
import { requireKnownName } from "../../control/index.ts";
import { type Nats, openSpecs } from "../../nats/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { TRIGGER_NAMES, type TriggerName, triggerFact } from "../functions/trigger-fact.ts";
import { invokeGrpc } from "../invoke/grpc-call.ts";
import {
  type AnsweredCall,
  type Call,
  parseField,
  readBody,
  readData,
  withAnswer,
} from "../invoke/service-call.ts";
import { asText, type GivenText, list, value } from "../options/option.ts";
import type { Values } from "../options/resolve.ts";
import { wrongUse, wrongValue } from "../options/values.ts";
import type { Output } from "../output/output.ts";

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
  grpc: value({
    flag: "--grpc <method>",
    help: "call a gRPC method, pkg.Service/Method: data is JSON, one message on each line for a stream",
    parse: asText,
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
  usage: "invoke [name]",
  says: "call a function over NATS",
  options: invokeOptions,
  examples: [
    ["narun invoke hello --path '/hello?name=Ada'", ""],
    ["narun invoke echo --data @picture.png > copy.png", "the body of a file; the answer as it is"],
    ["narun invoke hello -H 'Accept-Language: de'", "with a header field"],
    [
      `narun invoke --grpc greeter.v1.Greeter/SayHello --data '{"name":"Ada"}'`,
      "a gRPC method, by its descriptors",
    ],
    ["narun invoke ticks", "a stream: each part as it comes"],
    ["narun invoke report --trigger schedule", "as if the clock had called it"],
    [`narun invoke orders --trigger queue --data '{"id":1}'`, "a batch of one message"],
    [`echo '{"a":1}' | narun invoke echo --data - --json`, "status, header fields and body as JSON"],
  ],
  async run({ name }, { options, output, connect }) {
    if (options.grpc !== undefined) {
      const { grpc: method, data, header: fields, path, method: verb } = options;
      if ((path ?? verb ?? options.trigger) !== undefined)
        throw wrongUse("--grpc goes with neither --path, nor --method, nor --trigger");
      const text = data === undefined ? undefined : Buffer.from(await readData(data)).toString();
      await invokeGrpc(await connect(), output, { method, name, data: text, fields });
      return;
    }
    if (name === undefined) throw wrongUse("name a function, or a method with --grpc");
    const given = await resolveCall(name, options);
    const nats = await connect();
    await requireKnownName(nats, name);
    const request = await triggered(nats, name, given, options);
    const progress = output.progress(`waiting for ${name}`);
    try {
      await withAnswer(nats, name, request, async (reply) => {
        progress.end();
        await showReply(output, name, reply);
      });
    } finally {
      progress.end();
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
