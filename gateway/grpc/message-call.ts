/**
 * One unary call to a service that narun did not start: a message without its prefix, and one reply (docs/wire.md, "gRPC over
 * NATS").
 *
 * I1  A call has one status. OK is the meaning of a reply without an error, and of nothing else.
 * I2  A message is whole before it is sent, and no larger than what NATS takes.
 */
import {
  decodeGrpcReply,
  type ErrorCode,
  encodeGrpcRequest,
  FrameScanner,
  frameMessage,
  GRPC_PREFIX_BYTES,
  grpcCodes,
  type Headers,
  NarunError,
  splitMessages,
} from "../../contracts/index.ts";
import type { Dispatched, DispatchRequest, Outcome, Reply, SendableHead } from "../../dispatch/index.ts";
import { serverTiming } from "../http/exchange.ts";
import type { CallParts } from "./call.ts";
import { decompress } from "./decompress.ts";
import { CallReader } from "./request-body.ts";
import { failureStatus, faultStatus, type GrpcStatus, ownStatus, statusOf } from "./status.ts";

export interface MessageCallParts extends Omit<CallParts, "requestHead"> {
  /** Names and values alternating, without those of HTTP/2 itself. */
  metadata: readonly string[];
  requestId: string;
  /** The largest message that NATS takes besides its headers. */
  maxPayloadBytes: number;
}

const ONE_MESSAGE = ownStatus(
  grpcCodes.UNIMPLEMENTED,
  "BAD_REQUEST",
  "the service takes calls of exactly one message",
);

export class MessageCall implements DispatchRequest {
  readonly service: string;
  readonly streams = false;
  readonly isRepeatable = false;
  readonly head: MessageHead;
  data: Uint8Array = new Uint8Array();
  readonly endsAtMs: number;
  readonly #parts: MessageCallParts;
  readonly #reader: CallReader;
  readonly #maxBytes: number;
  /** Ends the call where its message does not come in time. */
  #timer: NodeJS.Timeout | undefined;
  #dispatched: Dispatched | undefined;
  #isOver = false;

  constructor(parts: MessageCallParts) {
    const { service, head, spec, defaultTimeoutMs, maxMessageBytes, maxPayloadBytes, stream } = parts;
    this.#parts = parts;
    this.service = service;
    const mostMs = spec?.limits.timeoutMs ?? defaultTimeoutMs;
    this.endsAtMs = Math.min(performance.now() + mostMs, head.deadline?.endsAtMs ?? Number.POSITIVE_INFINITY);
    this.head = new MessageHead(parts, this.endsAtMs);
    const maxBytes = Math.min(maxMessageBytes, maxPayloadBytes);
    this.#maxBytes = maxBytes;
    this.#reader = new CallReader(stream, {
      scanner: new FrameScanner({ maxBytes, mayCompress: head.mayCompress }),
      maxBytes: maxBytes + GRPC_PREFIX_BYTES,
      maxWholeBytes: Number.POSITIVE_INFINITY,
      mustBeWhole: true,
      onBody: (body) => body.kind === "whole" && void this.#take(body.data),
      onFault: (fault) => this.#finish(fault === "body-too-large" ? ONE_MESSAGE : faultStatus(fault)),
    });
  }

  begin(): void {
    this.#parts.stream.once("close", () => this.#onClose());
    const onLate = () => this.#finish(this.#failure("DEADLINE_EXCEEDED"));
    this.#timer = setTimeout(onLate, this.endsAtMs - performance.now());
    this.#reader.begin();
  }

  /** The answer. It is called by dispatch, once. */
  settle(outcome: Outcome): void {
    this.#dispatched = undefined;
    if (this.#isOver) return;
    this.#parts.trace?.settled(this.service, outcome);
    const timing = outcome.cold === undefined ? [] : ["server-timing", serverTiming(outcome.cold)];
    if (outcome.kind === "reply") this.#answer(outcome.reply, timing);
    else this.#finish(this.#failure(outcome.kind === "failed" ? outcome.code : "BAD_REPLY"));
  }

  async #take(body: Uint8Array): Promise<void> {
    const [message, ...others] = splitMessages(body) ?? [];
    if (message === undefined || others.length > 0) {
      this.#finish(ONE_MESSAGE);
      return;
    }
    const { encoding } = this.#parts.head;
    const data = message.isCompressed
      ? await decompress(message.data, encoding, this.#maxBytes)
      : message.data;
    if (data instanceof Uint8Array) this.#dispatch(data);
    else this.#finish(data);
  }

  #dispatch(data: Uint8Array): void {
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    if (!this.head.isSendable) {
      this.#finish(statusOf("BAD_REQUEST", "a metadata value cannot be sent"));
      return;
    }
    this.data = data;
    this.#parts.trace?.dispatched();
    const dispatched = this.#parts.dispatcher.dispatch(this);
    // It may have been settled at once.
    if (!this.#isOver) this.#dispatched = dispatched;
  }

  #answer(reply: Reply, timing: readonly string[]): void {
    const read = decodeGrpcReply({ headers: reply.headers() });
    if (read.kind === "failed") {
      this.#finish(this.#failure(read.code));
      return;
    }
    const fields = read.trailing;
    if (read.kind === "ok" || read.initial.length > 0) this.#parts.answer.begin([...read.initial, ...timing]);
    if (read.kind === "ok") {
      this.#finish({ code: grpcCodes.OK, message: "", fields }, frameMessage(reply.data));
      return;
    }
    // A service that gives no text leaves the error to the gateway.
    const own = read.message === undefined ? this.#failure("SERVICE_ERROR") : { message: read.message };
    this.#finish({ ...own, code: read.code, fields });
  }

  #failure(code: ErrorCode): GrpcStatus {
    const { service, spec } = this.#parts;
    return failureStatus(code, { service, spec });
  }

  #finish(status: GrpcStatus, bytes?: Uint8Array): void {
    if (this.#isOver) return;
    this.#end();
    this.#parts.answer.end(status, bytes);
  }

  /** The client went away, or the call is over. */
  #onClose(): void {
    if (this.#isOver) return;
    this.#end();
    if (this.#dispatched !== undefined) this.#parts.dispatcher.cancel(this.#dispatched);
    this.#parts.answer.abandon();
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#reader.stop();
  }
}

/** The head of a message. Each sending has the time that is left then. */
class MessageHead implements SendableHead {
  readonly hops = 0;
  readonly isUpgrade = false;
  readonly #parts: MessageCallParts;
  readonly #endsAtMs: number;

  constructor(parts: MessageCallParts, endsAtMs: number) {
    this.#parts = parts;
    this.#endsAtMs = endsAtMs;
  }

  get isSendable(): boolean {
    return this.#encode() !== undefined;
  }

  headers(): Headers {
    const headers = this.#encode();
    if (headers === undefined) throw new NarunError("INTERNAL");
    return headers;
  }

  /** A socket carries requests of HTTP only. */
  text(): undefined {
    return undefined;
  }

  #encode(): Headers | undefined {
    const { head, metadata, requestId } = this.#parts;
    const timeoutMs = this.#endsAtMs - performance.now();
    return encodeGrpcRequest({ path: head.path, metadata, timeoutMs, requestId });
  }
}
