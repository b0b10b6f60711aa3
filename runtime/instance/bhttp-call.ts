/** A request in BHTTP mode, as later versions of the original toolkit send it: one message, answered by one message. */
import {
  type DecodedBhttpRequest,
  type ErrorCode,
  encodeBhttpReply,
  type FieldList,
  type FunctionConfig,
} from "../../contracts/index.ts";
import { failMessage, type Message, type Nats } from "../../nats/index.ts";
import { fieldsOfBlock } from "./header-block.ts";
import type { Answer, IncomingCall } from "./incoming-call.ts";
import { incomingRequest } from "./request-from-message.ts";
import type { IncomingRequest } from "./sandbox.ts";

export interface BhttpCallOptions {
  nats: Nats;
  config: Pick<FunctionConfig, "name" | "limits">;
  message: Message;
  request: DecodedBhttpRequest;
  /** Settles the request's count at the NATS Micro service. */
  over(error?: string): void;
}

export class BhttpCall implements IncomingCall {
  readonly hasStreamedBody = false;
  readonly isUpgrade = false;
  readonly channel = undefined;
  readonly #options: BhttpCallOptions;
  #requestId: string | undefined;

  constructor(options: BhttpCallOptions) {
    this.#options = options;
  }

  get data(): Uint8Array {
    return this.#options.request.content;
  }

  get maxAnswerBytes(): number {
    return this.#options.nats.maxPayload;
  }

  read(service: string, mostMs: number): IncomingRequest {
    const { request, message } = this.#options;
    const { headers } = message;
    const incoming = incomingRequest(request, { headers, data: request.content }, service, mostMs);
    this.#requestId = incoming.requestId;
    return incoming;
  }

  listen(): void {
    // The message is the whole request: no frame follows.
  }

  answer(status: number, headerBlock: string): Answer | undefined {
    const { message, request } = this.#options;
    const fields = fieldsOfBlock(headerBlock);
    const head = encodeBhttpReply(status, fields, NO_BYTES, request.method);
    return head && new BhttpAnswer(message, request.method, status, fields, head.byteLength);
  }

  fail(code: ErrorCode, limit: number | undefined): void {
    const { message, config, request } = this.#options;
    const { method } = request;
    failMessage(message, config, { code, limit, requestId: this.#requestId, method });
  }

  over(error: string | undefined): void {
    this.#options.over(error);
  }
}

const NO_BYTES = new Uint8Array();

/** Upper bound of the bytes that a body adds beside its content. */
const MAX_LENGTHS_BYTES = 64;

class BhttpAnswer implements Answer {
  readonly #message: Message;
  readonly #method: string;
  readonly #status: number;
  readonly #fields: FieldList;
  readonly #headBytes: number;

  constructor(message: Message, method: string, status: number, fields: FieldList, headBytes: number) {
    this.#message = message;
    this.#method = method;
    this.#status = status;
    this.#fields = fields;
    this.#headBytes = headBytes;
  }

  field(name: "content-type" | "content-length"): string | undefined {
    const at = this.#fields.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name);
    return at === -1 ? undefined : this.#fields[at + 1];
  }

  setLength(): void {
    // The codec writes the length of the content.
  }

  size(bodyBytes: number): number {
    return this.#headBytes + MAX_LENGTHS_BYTES + bodyBytes;
  }

  send(body: Uint8Array | string): void {
    const content = typeof body === "string" ? Buffer.from(body) : body;
    const data = encodeBhttpReply(this.#status, this.#fields, content, this.#method);
    if (data !== undefined) this.#message.respond(data);
  }

  begin(): void {
    // Its caller takes no streams: no body is sent in frames.
  }
}
