/** Connect (connectrpc.com/docs/protocol): unary calls by POST and GET, streams in frames, JSON and protobuf. */
import { fromBinary } from "@bufbuild/protobuf";
import { AnswerStream, iteratorOf } from "./answer-stream.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { type Call, deadlineExceeded, errorOf } from "./call.ts";
import { connectCodeOf, HTTP_STATUS } from "./codes.ts";
import {
  acceptsGzip,
  type Encoding,
  encodingOf,
  gunzip,
  gzip,
  messageIn,
  WORTH_BYTES,
} from "./compression.ts";
import type { ConnectForm } from "./connect-form.ts";
import { COMPRESSED, CONNECT_END, frame, readFrames } from "./frames.ts";
import { GrpcError } from "./grpc-error.ts";
import { useJson } from "./json-codec.ts";
import type { JsonForm } from "./message-codec.ts";
import { isMetadata } from "./metadata.ts";

/** `MethodOptions.IdempotencyLevel`. */
const NO_SIDE_EFFECTS = 1;

export async function serveConnect(call: Call, form: ConnectForm): Promise<Response> {
  const { methodKind } = call.target.desc;
  useJson(call.target.codec);
  try {
    if (form.query !== undefined && call.target.desc.idempotency !== NO_SIDE_EFFECTS) {
      // A GET may run from anywhere, and twice.
      throw new GrpcError("UNIMPLEMENTED", `${call.method} has side effects: call it by POST`);
    }
    if (form.isStream !== (methodKind !== "unary")) return wrongForm(form);
    return form.isStream ? await serveStream(call, form) : await serveUnary(call, form);
  } catch (thrown) {
    const error = errorOf(thrown, call);
    return form.isStream ? streamRefusal(call, form, error) : unaryRefusal(error, call);
  }
}

/** Streams and unary calls have content types of their own. */
function wrongForm({ codec, isStream }: ConnectForm): Response {
  const accept = `application/${isStream ? "" : "connect+"}${codec}`;
  return new Response(null, { status: 415, headers: { "accept-post": accept } });
}

async function serveUnary(call: Call, form: ConnectForm): Promise<Response> {
  const { headers } = call.request;
  const input = call.decode(form.codec, await unaryBytes(call, form));
  const value = await inTime(call, call.run(input));
  const head = headOf(call, `application/${form.codec}`);
  for (const [name, text] of call.ownTrailers ?? []) head.append(`trailer-${name}`, text);
  let bytes = call.encode(form.codec, value);
  const isCompressed =
    acceptsGzip(headers.get("accept-encoding")) &&
    (call.compress ?? (headers.get("content-encoding") === "gzip" && bytes.byteLength >= WORTH_BYTES));
  if (isCompressed) {
    bytes = await gzip(bytes);
    head.set("content-encoding", "gzip");
  }
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: head });
}

async function unaryBytes(call: Call, { query }: ConnectForm): Promise<Uint8Array> {
  const { maxMessageBytes } = call.target;
  if (query === undefined) {
    const encoding = encodingOf(call.request.headers.get("content-encoding"));
    const bytes = new Uint8Array(await call.request.arrayBuffer());
    return encoding === "gzip" && bytes.byteLength > 0 ? gunzip(bytes, maxMessageBytes) : bytes;
  }
  const text = query.get("message") ?? "";
  const bytes = query.get("base64") === "1" ? decodeBase64(text) : new TextEncoder().encode(text);
  if (bytes === undefined) throw new GrpcError("INVALID_ARGUMENT", "the message in the query is no base64");
  return encodingOf(query.get("compression")) === "gzip" ? gunzip(bytes, maxMessageBytes) : bytes;
}

/** Ends the wait for a handler at the deadline that the caller has set. */
export function inTime(call: Call, result: unknown): unknown {
  if (!call.hasTimeout) return result;
  const { signal } = call;
  const over = new Promise<never>((_, reject) => {
    const end = () => reject(deadlineExceeded());
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  return Promise.race([result, over]);
}

/** An error as the whole answer: its status, and JSON with the code's name. */
function unaryRefusal(error: GrpcError, call: Call): Response {
  const head = headOf(call, "application/json");
  for (const [name, text] of call.ownTrailers ?? []) head.append(`trailer-${name}`, text);
  for (const [name, text] of error.metadata) if (isMetadata(name)) head.append(name, text);
  return new Response(JSON.stringify(errorJson(error, call)), {
    status: HTTP_STATUS[error.code],
    headers: head,
  });
}

function errorJson(error: GrpcError, call: Call): object {
  const details = detailsJson(error, useJson(call.target.codec));
  return {
    code: connectCodeOf(error.code),
    ...(error.message === "" ? {} : { message: error.message }),
    ...(details.length === 0 ? {} : { details }),
  };
}

/** A detail of a known type has its fields beside its bytes, for readers. */
function detailsJson({ details }: GrpcError, json: JsonForm): object[] {
  return details.map(({ type, value }) => {
    const schema = json.schemaOf(type);
    const debug = schema === undefined ? undefined : json.value(schema, fromBinary(schema, value));
    const bytes = encodeBase64(value).replace(/=+$/, "");
    return { type, value: bytes, ...(debug === undefined ? {} : { debug }) };
  });
}

async function serveStream(call: Call, form: ConnectForm): Promise<Response> {
  const { headers } = call.request;
  const { methodKind } = call.target.desc;
  const encoding = encodingOf(headers.get("connect-content-encoding"));
  const inputs = messagesOf(call, form, encoding);
  const result = call.run(methodKind === "server_streaming" ? await only(inputs) : inputs);
  const iterator = methodKind === "client_streaming" ? one(result) : iteratorOf(result, call.method);
  const mayCompress = acceptsGzip(headers.get("connect-accept-encoding"));
  let isAnnounced = false;
  const stream = new AnswerStream(iterator, {
    async encode(value) {
      const bytes = call.encode(form.codec, value);
      const isCompressed =
        isAnnounced && (call.compress ?? (encoding === "gzip" && bytes.byteLength >= WORTH_BYTES));
      return isCompressed ? frame(COMPRESSED, await gzip(bytes)) : frame(0, bytes);
    },
    end: (error) => endFrame(call, error && errorOf(error.thrown, call)),
  });
  await stream.first();
  isAnnounced = mayCompress && (encoding === "gzip" || call.compress === true);
  const head = headOf(call, `application/connect+${form.codec}`);
  if (isAnnounced) head.set("connect-content-encoding", "gzip");
  return new Response(stream.body(), { headers: head });
}

/** A refused stream has status 200, and the error in its last frame. */
function streamRefusal(call: Call, { codec }: ConnectForm, error: GrpcError): Response {
  const head = headOf(call, `application/connect+${codec}`);
  return new Response(endFrame(call, error), { headers: head });
}

function endFrame(call: Call, error: GrpcError | undefined): Uint8Array<ArrayBuffer> {
  const metadata: Record<string, string[]> = {};
  for (const [name, value] of call.ownTrailers ?? []) metadata[name] = [...(metadata[name] ?? []), value];
  for (const [name, value] of error?.metadata ?? []) if (isMetadata(name)) metadata[name] = [value];
  const end = {
    ...(error === undefined ? {} : { error: errorJson(error, call) }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
  return frame(CONNECT_END, new TextEncoder().encode(JSON.stringify(end)));
}

async function* messagesOf(
  call: Call,
  { codec }: ConnectForm,
  encoding: Encoding,
): AsyncGenerator<unknown, void, undefined> {
  const { maxMessageBytes } = call.target;
  const body = call.request.body as AsyncIterable<Uint8Array> | null;
  if (body === null) return;
  for await (const one of readFrames(body, maxMessageBytes)) {
    if ((one.flags & CONNECT_END) !== 0) return;
    yield call.decode(codec, await messageIn(one, encoding, maxMessageBytes));
  }
}

async function only(inputs: AsyncIterable<unknown>): Promise<unknown> {
  let found: unknown[] = [];
  for await (const input of inputs) {
    found = [...found, input];
    if (found.length > 1) break;
  }
  if (found.length === 1) return found[0];
  throw new GrpcError("INVALID_ARGUMENT", "the method takes one message");
}

async function* one(result: unknown): AsyncGenerator<unknown, void, undefined> {
  yield await result;
}

function headOf(call: Call, contentType: string): Headers {
  const head = new Headers();
  head.set("content-type", contentType);
  for (const [name, value] of call.ownHeaders ?? []) head.append(name, value);
  return head;
}
