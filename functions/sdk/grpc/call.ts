/** One call: its context, and the handler's answers as bytes. */
import type { DescMessage, DescMethod, Message, MessageInitShape } from "@bufbuild/protobuf";
import type { Context } from "../context.ts";
import type { Env } from "../handler.ts";
import { GrpcError, isGrpcError } from "./grpc-error.ts";
import type { Codec, MessageCodec } from "./message-codec.ts";
import { Metadata } from "./metadata.ts";

export type GrpcProtocol = "grpc" | "grpc-web" | "connect" | "rest";

/** The context of a call: the request's own, and the members of gRPC. */
export interface GrpcContext<E = Env> extends Context {
  readonly env: E;
  /** The full name: `/pkg.Greeter/SayHello`. */
  readonly method: string;
  readonly protocol: GrpcProtocol;
  /** The metadata of the caller. */
  readonly metadata: Metadata;
  /** Metadata before the answer. It may be set until the handler has given its first message. */
  readonly responseHeaders: Metadata;
  /** Metadata behind the answer. It may be set until the handler ends. */
  readonly responseTrailers: Metadata;
  /** The caller's address as far as the gateway knows it. */
  readonly peer: string | undefined;
  /**
   * Whether messages of the answer are compressed where the caller reads gzip. It may be set before each message. Default: the
   * ones from 1 KiB on, if the caller compresses its own.
   */
  compress: boolean | undefined;
  readonly request: Request;
}

/** A handler as it runs. Its type for authors is `GrpcHandlers`. */
export type AnyHandler = (input: unknown, context: GrpcContext<unknown>) => unknown;

/** A method that can be called. */
export interface Method {
  readonly path: string;
  readonly desc: DescMethod;
  readonly codec: MessageCodec;
  /** Undefined: the service has the method, and the function does not implement it. */
  readonly handler: AnyHandler | undefined;
  readonly maxMessageBytes: number;
}

export interface CallFacts {
  readonly request: Request;
  readonly env: unknown;
  readonly context: Context;
  readonly method: Method;
  readonly protocol: GrpcProtocol;
  /** How long the caller waits, in ms. */
  readonly timeoutMs: number | undefined;
}

export class Call implements GrpcContext<unknown> {
  readonly env: unknown;
  readonly request: Request;
  readonly protocol: GrpcProtocol;
  readonly deadline: number;
  readonly target: Method;
  compress: boolean | undefined;
  readonly #context: Context;
  readonly #timeoutMs: number | undefined;
  #metadata: Metadata | undefined;
  #responseHeaders: Metadata | undefined;
  #responseTrailers: Metadata | undefined;
  #signal: AbortSignal | undefined;

  constructor({ request, env, context, method, protocol, timeoutMs }: CallFacts) {
    this.env = env;
    this.request = request;
    this.protocol = protocol;
    this.target = method;
    this.#context = context;
    this.#timeoutMs = timeoutMs;
    this.deadline =
      timeoutMs === undefined ? context.deadline : Math.min(context.deadline, Date.now() + timeoutMs);
  }

  get requestId(): string {
    return this.#context.requestId;
  }

  get trailers(): Headers {
    return this.#context.trailers;
  }

  get method(): string {
    return this.target.path;
  }

  get metadata(): Metadata {
    this.#metadata ??= new Metadata(this.request.headers);
    return this.#metadata;
  }

  get responseHeaders(): Metadata {
    this.#responseHeaders ??= new Metadata();
    return this.#responseHeaders;
  }

  get responseTrailers(): Metadata {
    this.#responseTrailers ??= new Metadata();
    return this.#responseTrailers;
  }

  /** The fields that were set. Undefined costs nothing: most calls set none. */
  get ownHeaders(): Metadata | undefined {
    return this.#responseHeaders;
  }

  get ownTrailers(): Metadata | undefined {
    return this.#responseTrailers;
  }

  get peer(): string | undefined {
    return this.request.headers.get("x-forwarded-for")?.split(",", 1)[0]?.trim();
  }

  get hasTimeout(): boolean {
    return this.#timeoutMs !== undefined;
  }

  get signal(): AbortSignal {
    this.#signal ??=
      this.#timeoutMs === undefined
        ? this.#context.signal
        : AbortSignal.any([
            this.#context.signal,
            AbortSignal.timeout(Math.max(0, this.deadline - Date.now())),
          ]);
    return this.#signal;
  }

  get waitUntil(): (work: Promise<unknown>) => void {
    return (work) => this.#context.waitUntil(work);
  }

  /** The handler's result; for a stream of answers an async iterator of it. Error: UNIMPLEMENTED. */
  run(input: unknown): unknown {
    const { handler, path } = this.target;
    if (handler === undefined)
      throw new GrpcError("UNIMPLEMENTED", `the function does not implement ${path}`);
    return handler(input, this);
  }

  /** Error: INVALID_ARGUMENT. */
  decode(codec: Codec, bytes: Uint8Array): Message {
    const { desc, codec: messages, maxMessageBytes } = this.target;
    if (bytes.byteLength > maxMessageBytes) {
      throw new GrpcError(
        "RESOURCE_EXHAUSTED",
        `the message has ${bytes.byteLength} bytes, more than ${maxMessageBytes}`,
      );
    }
    return readInput(desc.input, () => messages.decode(codec, desc.input, bytes));
  }

  encode(codec: Codec, value: unknown): Uint8Array {
    const { desc, codec: messages } = this.target;
    return messages.encode(codec, desc.output, outputOf(desc.output, value));
  }
}

/** Runs a reader of the caller's data. Error: INVALID_ARGUMENT, with the reader's reason. */
export function readInput<T>({ typeName }: DescMessage, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new GrpcError("INVALID_ARGUMENT", `this is no ${typeName}: ${reason}`, { cause: error });
  }
}

/** A handler's answer. Error: TypeError, for an answer that is no object; the library checks the fields. */
export function outputOf({ typeName }: DescMessage, value: unknown): MessageInitShape<DescMessage> {
  if (typeof value === "object" && value !== null) return value as MessageInitShape<DescMessage>;
  throw new TypeError(`the handler gave ${value === null ? "null" : typeof value}, and not a ${typeName}`);
}

/** Time that is over. Its message names no detail of the function. */
export function deadlineExceeded(): GrpcError {
  return new GrpcError("DEADLINE_EXCEEDED", "the deadline of the call is over");
}

/** A timer may fire this much before its time. */
const EARLY_MS = 2;

/**
 * A thrown value as the status that the caller gets. Values that are no GrpcError are told to the log only. After the deadline
 * they are DEADLINE_EXCEEDED: most often the handler's own work was ended by `ctx.signal`.
 */
export function errorOf(thrown: unknown, { method, deadline }: Pick<Call, "method" | "deadline">): GrpcError {
  if (isGrpcError(thrown)) return thrown as GrpcError;
  // biome-ignore lint/suspicious/noConsole: the log of the function.
  console.error(`${method} failed:`, thrown);
  if (Date.now() >= deadline - EARLY_MS) return deadlineExceeded();
  return new GrpcError("INTERNAL", "the function failed");
}
