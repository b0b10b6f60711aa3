/**
 * Calls of a function's gRPC methods in the process of a test: the whole way from bytes to bytes, without a network.
 *
 * I1  A call ends as the caller would see it: by its reply, or by a GrpcError with code, message, details and metadata.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  isMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { Context } from "../context.ts";
import { decodeBase64 } from "./base64.ts";
import { GrpcCode, type GrpcCodeName } from "./codes.ts";
import { frame, readFrames } from "./frames.ts";
import type { GrpcFunction } from "./grpc.ts";
import { type GrpcDetail, GrpcError } from "./grpc-error.ts";
import { isMetadata } from "./metadata.ts";

type Inputs<M extends DescMessage> = AsyncIterable<MessageInitShape<M>> | Iterable<MessageInitShape<M>>;

/** The method of a client for a method of a service. */
type CallOf<M extends DescMethod> = M["methodKind"] extends "unary"
  ? (message: MessageInitShape<M["input"]>, options?: TestCallOptions) => Promise<MessageShape<M["output"]>>
  : M["methodKind"] extends "server_streaming"
    ? (
        message: MessageInitShape<M["input"]>,
        options?: TestCallOptions,
      ) => AsyncIterable<MessageShape<M["output"]>>
    : M["methodKind"] extends "client_streaming"
      ? (messages: Inputs<M["input"]>, options?: TestCallOptions) => Promise<MessageShape<M["output"]>>
      : (messages: Inputs<M["input"]>, options?: TestCallOptions) => AsyncIterable<MessageShape<M["output"]>>;

/** The methods of a service, in camel case. */
export type TestClient<S extends DescService> = { [Name in keyof S["method"]]: CallOf<S["method"][Name]> };

export interface TestCallOptions {
  metadata?: Headers | Readonly<Record<string, string>>;
  /** The caller's deadline. */
  timeoutMs?: number;
  /** The caller leaves when it is aborted. */
  signal?: AbortSignal;
  /** The metadata before the reply, and behind it. */
  onHeader?: (metadata: Headers) => void;
  onTrailer?: (metadata: Headers) => void;
}

export interface TestClientOptions {
  /** `ctx.env`. Default: an empty object. */
  env?: unknown;
  /** Receives the work that handlers give to `ctx.waitUntil`. */
  waitUntil?: (work: Promise<unknown>) => void;
}

/** Members of `ctx` beyond the deadline that a test does not set. */
const MOST_MS = 30_000;
const MAX_BYTES = 0xffff_ffff;

/** A client of a function's service. Errors of its calls: GrpcError. */
export function grpcClient<S extends DescService>(
  fn: Pick<GrpcFunction, "fetch">,
  service: S,
  options: TestClientOptions = {},
): TestClient<S> {
  const methods = service.methods.map((method) => {
    const call = (given: unknown, callOptions: TestCallOptions = {}) => {
      const isStream = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
      const messages = isStream ? (given as Inputs<DescMessage>) : [given as MessageInitShape<DescMessage>];
      const replies = callMethod(fn, method, messages, { ...options, ...callOptions });
      const isOne = method.methodKind === "unary" || method.methodKind === "client_streaming";
      return isOne ? onlyOne(replies) : replies;
    };
    return [method.localName, call];
  });
  return Object.fromEntries(methods) as TestClient<S>;
}

async function* callMethod(
  fn: Pick<GrpcFunction, "fetch">,
  { parent, name, input, output }: DescMethod,
  messages: Inputs<DescMessage>,
  { env = {}, waitUntil = () => undefined, ...options }: TestClientOptions & TestCallOptions,
): AsyncGenerator<MessageShape<DescMessage>, void, undefined> {
  const left = new AbortController();
  const signal = options.signal === undefined ? left.signal : AbortSignal.any([left.signal, options.signal]);
  const context: Context = {
    requestId: "test",
    deadline: Date.now() + (options.timeoutMs ?? MOST_MS),
    signal,
    trailers: new Headers(),
    waitUntil,
  };
  const headers = new Headers(options.metadata as Record<string, string> | undefined);
  headers.set("content-type", "application/grpc");
  if (options.timeoutMs !== undefined) headers.set("grpc-timeout", `${Math.ceil(options.timeoutMs)}m`);
  const request = new Request(`http://test/${parent.typeName}/${name}`, {
    method: "POST",
    headers,
    body: bodyOf(messages, input),
    duplex: "half",
    signal,
  } as RequestInit);
  const response = await fn.fetch(request, env, context);
  options.onHeader?.(metadataOf(response.headers));
  try {
    if (response.body !== null)
      for await (const { bytes } of readFrames(response.body, MAX_BYTES)) yield fromBinary(output, bytes);
    endWith(response, context, options);
  } finally {
    // The caller may have read enough.
    left.abort();
  }
}

/** The messages as they are asked for. */
function bodyOf(messages: Inputs<DescMessage>, schema: DescMessage): ReadableStream<Uint8Array> {
  const iterator =
    Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done === true) controller.close();
      else
        controller.enqueue(
          frame(0, toBinary(schema, isMessage(value, schema) ? value : create(schema, value))),
        );
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

/** Error: the status of the call, where it is not OK. */
function endWith(response: Response, { trailers }: Context, { onTrailer }: TestCallOptions): void {
  const fields = trailers.has("grpc-status") ? trailers : trailersInHead(response.headers);
  const metadata = metadataOf(fields);
  onTrailer?.(metadata);
  const status = Number(fields.get("grpc-status") ?? GrpcCode.UNKNOWN);
  const code = (Object.entries(GrpcCode).find(([, number]) => number === status)?.[0] ??
    "UNKNOWN") as GrpcCodeName;
  if (code === "OK") return;
  const message = decodeURIComponent(fields.get("grpc-message") ?? "");
  const details = detailsIn(decodeBase64(fields.get("grpc-status-details-bin") ?? ""));
  throw new GrpcError(code, message, { details, metadata });
}

/** An answer without a stream has its trailers in its head (docs/wire.md). */
const IN_HEAD = "trailer-";

function trailersInHead(head: Headers): Headers {
  const trailers = new Headers();
  for (const [name, value] of head) {
    if (name.startsWith("grpc-")) trailers.append(name, value);
    if (name.startsWith(IN_HEAD)) trailers.append(name.slice(IN_HEAD.length), value);
  }
  return trailers;
}

/** The details of a `google.rpc.Status`. */
function detailsIn(bytes: Uint8Array | undefined): GrpcDetail[] {
  const details: GrpcDetail[] = [];
  forEachField(bytes ?? new Uint8Array(), (number, value) => {
    if (number !== 3 || value === undefined) return;
    let [type, message] = ["", new Uint8Array()];
    forEachField(value, (inner, part = new Uint8Array()) => {
      if (inner === 1) type = new TextDecoder().decode(part).replace(/^.*\//, "");
      if (inner === 2) message = Uint8Array.from(part);
    });
    details.push({ type, value: message });
  });
  return details;
}

function forEachField(
  bytes: Uint8Array,
  visit: (number: number, value: Uint8Array | undefined) => void,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === 2) visit(number, reader.bytes());
    else reader.skip(type);
  }
}

function metadataOf(fields: Headers): Headers {
  return new Headers([...fields].filter(([name]) => isMetadata(name) && !name.startsWith(IN_HEAD)));
}

async function onlyOne<T>(replies: AsyncIterable<T>): Promise<T> {
  const all: T[] = [];
  for await (const reply of replies) all.push(reply);
  const [first] = all;
  if (first === undefined || all.length > 1)
    throw new GrpcError("INTERNAL", `the function gave ${all.length} messages in place of one`);
  return first;
}
