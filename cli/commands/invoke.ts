import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { Command } from "commander";
import {
  errorEntry,
  headerNames,
  isErrorCode,
  messageOf,
  NameSchema,
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
import { withNats } from "../session.ts";

interface InvokeOptions {
  data?: string;
  path?: string;
  method?: string;
}

/** The longest that a function may take to answer (`limits.timeoutMs`), and a little. */
const MAX_WAIT_MS = 3_605_000;

export function addInvokeCommand(program: Command): void {
  program
    .command("invoke <name>")
    .description("call a function over NATS")
    .option("--data <data>", "the body: text, @file, or - for standard input")
    .option("--path <path>", "path and query (default: /<name>)")
    .option("--method <method>", "default: POST with data, GET without")
    .action((name: string, options: InvokeOptions, command: Command) =>
      withNats(command, async (nats, output) => {
        if (!NameSchema.safeParse(name).success) {
          throw new NarunError("USAGE", { detail: `${JSON.stringify(name)} is no function name` });
        }
        const reply = await call(nats, name, options);
        const code = headerValue(reply.headers, headerNames.error);
        const status = Number(
          headerValue(reply.headers, headerNames.responseStatus) ??
            headerValue(reply.headers, headerNames.serviceErrorCode) ??
            200,
        );
        if (status >= 400) process.exitCode = 1;
        if (output.isJson)
          return output.json({
            status,
            headers: publicHeaders(reply.headers),
            ...bodyOf(reply.data),
            ...(code === undefined ? {} : { code }),
          });
        if (isErrorCode(code))
          output.error(`narun: ${status} ${code}: ${errorEntry(code).title}\n${errorEntry(code).solve}`);
        else if (status >= 400) output.note(`status ${status}`);
        output.bytes(reply.data);
      }),
    );
}

async function call(
  nats: Nats,
  name: string,
  { data, path = `/${name}`, method }: InvokeOptions,
): Promise<Message> {
  const body = data === undefined ? Buffer.alloc(0) : await readData(data);
  const [rawPath = "", ...query] = path.split("?");
  const headers = createHeaders([
    [headerNames.method, (method ?? (data === undefined ? "GET" : "POST")).toUpperCase()],
    [headerNames.rawPath, rawPath],
    [headerNames.path, safeDecode(rawPath)],
    [headerNames.query, query.join("?")],
  ]);
  return nats
    .request(subjects.invoke(name), body, { timeoutMs: MAX_WAIT_MS, headers })
    .catch((error: unknown) => {
      const isAlone = error instanceof NoReplyError && error.reason === "no-responders";
      throw new NarunError(
        "NO_CONSUMER",
        { detail: isAlone ? "no gateway runs" : messageOf(error) },
        { cause: error },
      );
    });
}

async function readData(data: string): Promise<Uint8Array> {
  if (data === "-") return buffer(process.stdin);
  if (!data.startsWith("@")) return Buffer.from(data);
  return readFile(data.slice(1)).catch((error: unknown) => {
    throw new NarunError("USAGE", { detail: `--data: ${messageOf(error)}` }, { cause: error });
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
