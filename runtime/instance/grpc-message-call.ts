/**
 * A unary call of gRPC as one message, as the original toolkit's gateway and plain clients of NATS send it, for a function that
 * takes calls as HTTP requests with framed messages (docs/wire.md, "gRPC over NATS").
 *
 * I1  A reply without an error is a message of the function, with the status OK of its own.
 */
import {
  decodeGrpcRequest,
  type ErrorCode,
  encodeGrpcReply,
  errorEntry,
  type FunctionConfig,
  frameMessage,
  type GrpcCodeName,
  type GrpcRequestFacts,
  grpcCodeOf,
  grpcCodes,
  type Headers,
  messageBytes,
  splitMessages,
  splitTrailers,
  trailingStatus,
} from "../../contracts/index.ts";
import type { Message, Nats } from "../../nats/index.ts";
import { fieldsOfBlock } from "./header-block.ts";
import type { Answer, IncomingCall } from "./incoming-call.ts";
import { incomingRequest } from "./request-from-message.ts";
import type { IncomingRequest } from "./sandbox.ts";

interface Options {
  nats: Nats;
  config: Pick<FunctionConfig, "name" | "limits" | "grpc">;
}

/** A call that came; undefined where the function implements no services, and the call was refused. */
export function openGrpc(
  { nats, config }: Options,
  message: Message,
  done: (error?: string) => void,
): IncomingCall | undefined {
  const facts = decodeGrpcRequest(message);
  if (facts !== undefined && config.grpc !== undefined)
    return new GrpcMessageCall({ nats, message, facts, over: done });
  respondError(message, "UNIMPLEMENTED", `the function ${config.name} implements no service of gRPC`);
  done("UNIMPLEMENTED");
  return undefined;
}

interface GrpcMessageCallOptions {
  nats: Nats;
  message: Message;
  facts: GrpcRequestFacts;
  /** Settles the request's count at the NATS Micro service. */
  over(error?: string): void;
}

class GrpcMessageCall implements IncomingCall {
  readonly hasStreamedBody = false;
  readonly isUpgrade = false;
  readonly channel = undefined;
  readonly data: Uint8Array;
  readonly #options: GrpcMessageCallOptions;

  constructor(options: GrpcMessageCallOptions) {
    this.#options = options;
    this.data = frameMessage(options.message.data);
  }

  get maxAnswerBytes(): number {
    return this.#options.nats.maxPayload;
  }

  read(service: string, mostMs: number): IncomingRequest {
    const { facts, message } = this.#options;
    const { path: rawPath, metadata, timeoutMs = mostMs, requestId } = facts;
    const request = {
      ...({ method: "POST", rawPath, query: "", host: "", scheme: "http", requestId } as const),
      ...{ hops: 0, isUpgrade: false },
      fields: ["content-type", "application/grpc+proto", "te", "trailers", ...metadata],
    };
    const { headers } = message;
    return incomingRequest(request, { headers, data: this.data }, service, Math.min(mostMs, timeoutMs));
  }

  listen(): void {
    // The message is the whole call: no frame follows.
  }

  answer(status: number, headerBlock: string): Answer {
    return new GrpcAnswer(this.#options.message, status, fieldsOfBlock(headerBlock));
  }

  fail(code: ErrorCode): void {
    const error = { code: grpcCodeOf(code), message: `${errorEntry(code).title} (${code})` };
    this.#options.message.respond("", encodeGrpcReply({ error, initial: [], trailing: [] }));
  }

  over(error: string | undefined): void {
    this.#options.over(error);
  }
}

class GrpcAnswer implements Answer {
  readonly #message: Message;
  readonly #status: number;
  readonly #fields: readonly string[];

  constructor(message: Message, status: number, fields: readonly string[]) {
    this.#message = message;
    this.#status = status;
    this.#fields = fields;
  }

  field(name: "content-type" | "content-length"): string | undefined {
    const at = this.#fields.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name);
    return at === -1 ? undefined : this.#fields[at + 1];
  }

  setLength(): void {
    // A message has no length of its own.
  }

  size(bodyBytes: number): number {
    const { initial, trailing } = splitTrailers(this.#fields);
    return messageBytes(encodeGrpcReply({ initial, trailing }), "") + bodyBytes;
  }

  send(body: Uint8Array | string, trailers: Headers = new Map()): void {
    const { initial, trailing: early } = splitTrailers(this.#fields);
    const late = [...trailers].flatMap(([name, values]) => values.flatMap((value) => [name, value]));
    const status = trailingStatus([...early, ...late]);
    if (status === undefined || this.#status !== 200) {
      respondError(
        this.#message,
        "INTERNAL",
        `the function's answer has no grpc-status (HTTP ${this.#status})`,
      );
      return;
    }
    const { code, message, fields: trailing } = status;
    if (code !== grpcCodes.OK) {
      this.#message.respond("", encodeGrpcReply({ error: { code, message }, initial, trailing }));
      return;
    }
    const [reply, ...others] = splitMessages(typeof body === "string" ? Buffer.from(body) : body) ?? [];
    if (reply === undefined || others.length > 0 || reply.isCompressed)
      respondError(
        this.#message,
        "UNIMPLEMENTED",
        "the method does not answer with exactly one plain message",
      );
    else this.#message.respond(reply.data, encodeGrpcReply({ initial, trailing }));
  }

  begin(): void {
    // Its caller takes no streams: no body is sent in frames.
  }
}

function respondError(message: Message, name: GrpcCodeName, text: string): void {
  const error = { code: grpcCodes[name], message: text };
  message.respond("", encodeGrpcReply({ error, initial: [], trailing: [] }));
}
