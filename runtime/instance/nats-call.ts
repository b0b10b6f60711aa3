/** Requests that come as messages of NATS: under the instance's own subject, and under its function's name. */
import {
  addServiceError,
  decodeBhttpRequest,
  type ErrorCode,
  encodeReply,
  type FunctionConfig,
  type Headers,
  headerNames,
  headerValue,
  isActionSubject,
  messageBytes,
} from "../../contracts/index.ts";
import { failMessage, formOfReply, type Message, type Nats } from "../../nats/index.ts";
import { frameOf, NatsAsker, type Peers } from "../../streams/index.ts";
import { BhttpCall } from "./bhttp-call.ts";
import { CallsByToken, type Named } from "./calls-by-token.ts";
import { openGrpc } from "./grpc-message-call.ts";
import { fieldsOfBlock } from "./header-block.ts";
import type { Answer, FrameTaker, IncomingCall } from "./incoming-call.ts";
import { requestFromMessage } from "./request-from-message.ts";
import type { IncomingRequest } from "./sandbox.ts";

export interface NatsCallsOptions {
  nats: Nats;
  peers: Peers;
  instance: string;
  config: Pick<FunctionConfig, "name" | "limits" | "grpc">;
  /** It is in a program that a node has started. */
  isProgram?: boolean;
}

/** Settles a request's count at the NATS Micro service. */
type Done = (error?: string) => void;

/**
 * The open requests of an instance that came over NATS, by the tokens that their later messages name. A token that is in use stays
 * with its first request; the second one runs without streams.
 */
export class NatsCalls {
  readonly #options: NatsCallsOptions;
  readonly #byToken = new CallsByToken<NatsCall>();

  constructor(options: NatsCallsOptions) {
    this.#options = options;
  }

  /** A request that came; undefined where it is none, and was refused. `done` is called once, when it is over. */
  open(message: Message, done: Done): IncomingCall | undefined {
    const { nats, peers, instance, config } = this.#options;
    if (formOfReply(message, config.name) === "bhttp") return this.#openBhttp(message, done);
    if (message.headers?.has(headerNames.grpcMethod) === true) return openGrpc(this.#options, message, done);
    const asker = NatsAsker.of({ nats, peers, message, answerer: instance });
    if (asker === undefined || this.#byToken.get(asker.token) !== undefined)
      return new NatsCall(this.#options, message, undefined, done);
    const { token } = asker;
    const call = new NatsCall(this.#options, message, asker, (error) => {
      this.#byToken.delete(token);
      done(error);
    });
    this.#byToken.add(token, call);
    return call;
  }

  #openBhttp(message: Message, done: Done): IncomingCall | undefined {
    const { nats, config } = this.#options;
    const read = decodeBhttpRequest(message.data, message.headers);
    if (read.ok) return new BhttpCall({ nats, config, message, request: read.message, over: done });
    failMessage(message, config, {
      code: "BAD_REQUEST",
      detail: `The message is no request in binary HTTP: ${read.why}`,
    });
    done("BAD_REQUEST");
    return undefined;
  }

  /** Takes a later message of a caller. */
  control(token: string, message: Message): void {
    this.#byToken.get(token)?.receive(message);
  }
}

class NatsCall implements IncomingCall, Named {
  readonly over: Done;
  readonly channel: NatsAsker | undefined;
  readonly #options: NatsCallsOptions;
  readonly #message: Message;
  #requestId: string | undefined;
  #taker: FrameTaker | undefined;

  constructor(options: NatsCallsOptions, message: Message, asker: NatsAsker | undefined, done: Done) {
    this.#options = options;
    this.#message = message;
    this.channel = asker;
    this.over = done;
  }

  get token(): string | undefined {
    return this.channel?.token;
  }

  get hasStreamedBody(): boolean {
    return this.channel?.hasStreamedBody === true;
  }

  get isUpgrade(): boolean {
    return this.channel?.isUpgrade === true;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get maxAnswerBytes(): number {
    return this.#options.nats.maxPayload;
  }

  read(service: string, mostMs: number): IncomingRequest {
    const request = requestFromMessage(this.#message, service, mostMs, this.#options.isProgram);
    this.#requestId = request.requestId;
    return request;
  }

  listen(taker: FrameTaker): void {
    this.#taker = taker;
  }

  receive(message: Message): void {
    const frame = frameOf(message);
    if (frame !== undefined) this.#taker?.receive(frame, message);
  }

  answer(status: number, headerBlock: string): Answer | undefined {
    const headers = encodeReply(status, fieldsOfBlock(headerBlock));
    if (headers === undefined) return undefined;
    const { name } = this.#options.config;
    const isOfMicro =
      isActionSubject(this.#message.subject, name) && formOfReply(this.#message, name) === "header";
    return new NatsAnswer(this.#message, this.channel, headers, isOfMicro);
  }

  fail(code: ErrorCode, limit: number | undefined): void {
    const requestId = this.#requestId;
    failMessage(this.#message, this.#options.config, { code, limit, requestId });
  }
}

class NatsAnswer implements Answer {
  readonly #message: Message;
  readonly #asker: NatsAsker | undefined;
  readonly #headers: Headers;
  /** Its client reads errors as NATS Micro has them. */
  readonly #isOfMicro: boolean;

  constructor(message: Message, asker: NatsAsker | undefined, headers: Headers, isOfMicro: boolean) {
    this.#message = message;
    this.#asker = asker;
    this.#headers = headers;
    this.#isOfMicro = isOfMicro;
  }

  field(name: "content-type" | "content-length"): string | undefined {
    return headerValue(this.#headers, name === "content-type" ? "Content-Type" : "Content-Length");
  }

  setLength(bytes: number): void {
    this.#headers.set("Content-Length", [String(bytes)]);
  }

  size(bodyBytes: number): number {
    return messageBytes(this.#headers, "") + bodyBytes;
  }

  send(body: Uint8Array | string): void {
    if (this.#isOfMicro) addServiceError(this.#headers, body);
    this.#message.respond(body, this.#headers);
  }

  begin(): void {
    this.#asker?.begin(this.#headers);
  }
}
