/** A request to a service over NATS, and the body of its answer. */
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import {
  encodeRequest,
  headerNames,
  isErrorCode,
  isHeaderSafe,
  isReservedHeader,
  MAX_FRAME_BYTES,
  messageOf,
  NarunError,
  type TriggerKind,
} from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import {
  bytesLeft,
  callService,
  createOpenCalls,
  createPeers,
  createStreamPresence,
  type ServiceReply,
  type StreamEnd,
} from "../../streams/index.ts";
import { wrongUse } from "../options/values.ts";

export interface Call {
  method: string;
  path: string;
  trigger: TriggerKind | undefined;
  fields: [string, string][];
  body: Uint8Array;
}

export type AnsweredCall = Exclude<ServiceReply, { kind: "failed" }>;

/** How long to wait for an answer: the upper bound of `limits.timeoutMs`, and a margin. */
const MAX_WAIT_MS = 3_605_000;

/** Calls a service, and hands over its answer, whose body can be read until `use` has ended. Error: that of the call. */
export async function withAnswer(
  nats: Nats,
  name: string,
  request: Call,
  use: (reply: AnsweredCall) => Promise<void>,
): Promise<void> {
  const parts = {
    nats,
    peers: createPeers(nats),
    presence: createStreamPresence(nats),
    calls: createOpenCalls(nats),
  };
  try {
    await use(await call(parts, name, request));
  } finally {
    parts.calls.close();
    parts.presence.close();
    parts.peers.close();
  }
}

/** `Name: value`, as curl takes it. Error: USAGE. */
export function parseField(text: string): [string, string] {
  const colon = text.indexOf(":");
  const name = text.slice(0, Math.max(0, colon));
  const value = text.slice(colon + 1).trim();
  if (!isHeaderSafe(name, value)) throw wrongUse(`--header takes 'NAME: VALUE', not ${JSON.stringify(text)}`);
  if (isReservedHeader(name)) throw wrongUse(`--header: ${name} is one of narun's or NATS' own names`);
  return [name, value];
}

export async function readData(data: string): Promise<Uint8Array> {
  if (data === "-") return buffer(process.stdin);
  if (!data.startsWith("@")) return Buffer.from(data);
  return readFile(data.slice(1)).catch((error: unknown) => {
    throw new NarunError("USAGE", { detail: `--data: ${messageOf(error)}` }, { cause: error });
  });
}

async function call(
  parts: Parameters<typeof callService>[0],
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

/** Reads an answer's body at the pace of `take`. Returns the end of a streamed one. Error: STREAM_BROKEN, or the code of the break. */
export async function readBody(
  reply: AnsweredCall,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<StreamEnd | undefined> {
  if (reply.kind === "whole") {
    await take(reply.message.data);
    return undefined;
  }
  const { body } = reply;
  return new Promise((resolve, reject) => {
    let taken = Promise.resolve();
    body.open({
      onData(bytes) {
        const piece = Buffer.from(bytes);
        taken = taken.then(() => take(piece)).then(() => body.consumed(bytes.byteLength));
      },
      onEnd(end) {
        if (end.kind === "whole") taken.then(() => resolve(end), reject);
        else reject(new NarunError(isErrorCode(end.code) ? end.code : "STREAM_BROKEN"));
      },
    });
  });
}
