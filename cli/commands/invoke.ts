import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { Command } from "commander";
import {
  errorEntry,
  headerNames,
  isErrorCode,
  messageOf,
  NarunError,
  subjects,
} from "../../contracts/index.ts";
import {
  createHeaders,
  type Headers,
  headerValue,
  type Message,
  type Nats,
  NoReplyError,
} from "../../nats/index.ts";
import { addExamples } from "../examples.ts";
import { requireKnownName } from "../known-name.ts";
import type { Output } from "../output.ts";
import { withNats } from "../session.ts";

interface InvokeOptions {
  data?: string;
  path?: string;
  method?: string;
}

interface Call {
  method: string;
  path: string;
  body: Uint8Array;
}

/** The longest that a function may take to answer (`limits.timeoutMs`), and a little. */
const MAX_WAIT_MS = 3_605_000;

export function addInvokeCommand(program: Command): void {
  const command = program
    .command("invoke <name>")
    .description("call a function over NATS")
    .option("--data <data>", "the body: text, @file, or - for standard input")
    .option("--path <path>", "path and query (default: /<name>)")
    .option("--method <method>", "default: POST with data, GET without")
    .action(async (name: string, options: InvokeOptions, command: Command) => {
      const call = await resolveCall(name, options);
      await withNats(command, async (nats, output) => {
        await requireKnownName(nats, name);
        const progress = output.progress(`waiting for ${name}`);
        const reply = await send(nats, name, call).finally(() => progress.end());
        showReply(output, reply);
      });
    });
  addExamples(command, [
    ["narun invoke hello --path '/hello?name=Ada'", ""],
    ["narun invoke echo --data @picture.png > copy.png", "the body of a file; the answer as it is"],
    [`echo '{"a":1}' | narun invoke echo --data - --json`, "status, header fields and body as JSON"],
  ]);
}

async function resolveCall(name: string, { data, path = `/${name}`, method }: InvokeOptions): Promise<Call> {
  if (method !== undefined && !/^[A-Za-z]+$/.test(method)) {
    throw new NarunError("USAGE", { detail: `--method takes a word, not ${JSON.stringify(method)}` });
  }
  return {
    method: (method ?? (data === undefined ? "GET" : "POST")).toUpperCase(),
    path: path.startsWith("/") ? path : `/${path}`,
    body: data === undefined ? Buffer.alloc(0) : await readData(data),
  };
}

async function readData(data: string): Promise<Uint8Array> {
  if (data === "-") return buffer(process.stdin);
  if (!data.startsWith("@")) return Buffer.from(data);
  return readFile(data.slice(1)).catch((error: unknown) => {
    throw new NarunError("USAGE", { detail: `--data: ${messageOf(error)}` }, { cause: error });
  });
}

async function send(nats: Nats, name: string, { method, path, body }: Call): Promise<Message> {
  const [rawPath = "", ...query] = path.split("?");
  const headers = createHeaders([
    [headerNames.method, method],
    [headerNames.rawPath, rawPath],
    [headerNames.path, safeDecode(rawPath)],
    [headerNames.query, query.join("?")],
  ]);
  return nats
    .request(subjects.invoke(name), body, { timeoutMs: MAX_WAIT_MS, headers })
    .catch((error: unknown) => {
      const isAlone = error instanceof NoReplyError && error.reason === "no-responders";
      const detail = isAlone ? "no gateway runs" : messageOf(error);
      throw new NarunError("NO_CONSUMER", { detail }, { cause: error });
    });
}

function safeDecode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // Not percent-encoded after all: it is passed on as it is.
    return path;
  }
}

function showReply(output: Output, { headers, data }: Message): void {
  const code = headerValue(headers, headerNames.error);
  const status = Number(
    headerValue(headers, headerNames.responseStatus) ??
      headerValue(headers, headerNames.serviceErrorCode) ??
      200,
  );
  if (status >= 400) process.exitCode = 1;
  if (output.isJson) {
    const facts = { status, headers: publicHeaders(headers), ...bodyOf(data) };
    output.json(code === undefined ? facts : { ...facts, code });
  } else if (isErrorCode(code)) {
    // narun's own answer says nothing that this line does not.
    const { title, solve } = errorEntry(code);
    output.error(`narun: ${status} ${code}: ${title}. ${solve}`);
  } else {
    if (status >= 400) output.note(`status ${status}`);
    output.bytes(data);
  }
}

function publicHeaders(headers: Headers | undefined): Record<string, string[]> {
  return Object.fromEntries([...(headers ?? [])].filter(([name]) => !/^(Narun|Nats|X-Response)-/.test(name)));
}

/** The body as text where it is UTF-8, else as base64. */
function bodyOf(data: Uint8Array): { body: string } | { bodyBase64: string } {
  try {
    return { body: new TextDecoder("utf-8", { fatal: true }).decode(data) };
  } catch {
    return { bodyBase64: Buffer.from(data).toString("base64") };
  }
}
