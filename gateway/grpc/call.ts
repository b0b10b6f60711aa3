/**
 * One call to a function: an HTTP request whose body are the client's messages as they came, and an answer whose body are the
 * function's (docs/wire.md, "gRPC over NATS").
 *
 * I1  A call has one status. A client that is gone gets none, and its function is cancelled.
 * I2  A status of OK is the function's own. An answer that breaks off, or that is no answer of gRPC, is an error.
 * I3  A call ends at its deadline, whether its answer has begun or not.
 */
import type { ServerHttp2Stream } from "node:http2";
import {
  decodeTrailers,
  FrameScanner,
  type FunctionSpec,
  type GrpcCode,
  grpcCodeOfHttpAnswer,
  grpcCodes,
  isErrorCode,
  parseGrpcStatus,
  splitTrailers,
  trailingStatus,
} from "../../contracts/index.ts";
import type {
  Dispatched,
  Dispatcher,
  DispatchRequest,
  Outcome,
  Reply,
  SendableHead,
} from "../../dispatch/index.ts";
import type { RemainingBody, ResponseBody, StreamEnd } from "../../streams/index.ts";
import { serverTiming } from "../http/exchange.ts";
import type { RequestTrace } from "../traces/request-trace.ts";
import type { Answer } from "./answer.ts";
import { AnswerBody } from "./answer-body.ts";
import type { CallHead } from "./call-head.ts";
import { type CallBody, CallReader, MAX_GATHERED_BYTES } from "./request-body.ts";
import { failureStatus, faultStatus, type GrpcStatus, ownStatus, statusOf } from "./status.ts";

export interface CallParts {
  dispatcher: Dispatcher;
  service: string;
  spec: FunctionSpec | undefined;
  /** For services without a spec. */
  defaultTimeoutMs: number;
  maxMessageBytes: number;
  stream: ServerHttp2Stream;
  head: CallHead;
  answer: Answer;
  /** Undefined: traces are off. */
  trace: RequestTrace | undefined;
  /** Makes the head of the request; undefined where a field cannot be sent. */
  requestHead(endsAtMs: number): SendableHead | undefined;
}

const NO_HEAD: SendableHead = { headers: () => new Map(), text: () => "", hops: 0, isUpgrade: false };

export class Call implements DispatchRequest {
  readonly service: string;
  readonly streams = true;
  readonly isRepeatable = false;
  head: SendableHead = NO_HEAD;
  data: Uint8Array = new Uint8Array();
  rest: RemainingBody | undefined;
  endsAtMs = 0;
  readonly #parts: CallParts;
  readonly #startedMs = performance.now();
  readonly #reader: CallReader;
  #dispatched: Dispatched | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(parts: CallParts) {
    this.#parts = parts;
    this.service = parts.service;
    const { maxMessageBytes: maxBytes, head, spec } = parts;
    this.#reader = new CallReader(parts.stream, {
      scanner: new FrameScanner({ maxBytes, mayCompress: head.mayCompress }),
      maxBytes: spec?.limits.maxBodyBytes ?? Number.POSITIVE_INFINITY,
      maxWholeBytes: MAX_GATHERED_BYTES,
      onBody: (body) => this.#dispatch(body),
      onFault: (fault) =>
        this.#finish(fault === "body-too-large" ? this.#failure("BODY_TOO_LARGE") : faultStatus(fault)),
    });
  }

  begin(): void {
    this.#parts.stream.once("close", () => this.#onClose());
    this.#reader.begin();
  }

  /** The answer. It is called by dispatch, once. */
  settle(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#parts.trace?.settled(this.service, outcome);
    const timing = outcome.cold === undefined ? [] : ["server-timing", serverTiming(outcome.cold)];
    switch (outcome.kind) {
      case "failed":
        this.#finish(this.#failure(outcome.code));
        break;
      case "reply":
        this.#answerWhole(outcome.reply, timing);
        break;
      case "stream":
        this.#answerStream(outcome.reply, outcome.body, timing);
        break;
    }
  }

  #dispatch(body: CallBody): void {
    const { spec, head, defaultTimeoutMs, dispatcher } = this.#parts;
    const limits = spec?.limits;
    if (body.kind === "whole") this.data = body.data;
    else {
      this.data = body.first;
      this.rest = body.rest;
    }
    // The time of streamed messages comes on top, as for a streamed body of HTTP.
    const bodyMs = this.rest === undefined ? 0 : (limits?.streamMs ?? 0);
    this.endsAtMs = Math.min(
      head.deadline?.endsAtMs ?? Number.POSITIVE_INFINITY,
      this.#startedMs + bodyMs + (limits?.timeoutMs ?? defaultTimeoutMs),
    );
    const requestHead = this.#parts.requestHead(this.endsAtMs);
    if (requestHead === undefined) {
      this.#finish(statusOf("BAD_REQUEST", "a metadata value cannot be sent"));
      return;
    }
    this.head = requestHead;
    this.#parts.trace?.dispatched();
    this.#dispatched = dispatcher.dispatch(this);
  }

  #answerWhole(reply: Reply, timing: string[]): void {
    const fields = this.#fieldsOf(reply);
    if (fields === undefined) return;
    const { initial, trailing } = splitTrailers(fields);
    const status = trailingStatus(trailing) ?? NO_STATUS;
    const { answer } = this.#parts;
    if (reply.data.byteLength === 0) {
      // Without messages all metadata goes in one block, unless the function has initial metadata of its own.
      if (initial.length > 0 || status.code === grpcCodes.OK) answer.begin([...initial, ...timing]);
      this.#finish(status);
      return;
    }
    const fault = this.#faultOf(reply.data);
    answer.begin([...initial, ...timing]);
    this.#finish(fault ?? status, reply.data);
  }

  #faultOf(body: Uint8Array): GrpcStatus | undefined {
    const scanner = new FrameScanner({ maxBytes: Number.POSITIVE_INFINITY, mayCompress: true });
    const fault = scanner.add(body) ?? scanner.end();
    return fault && faultStatus(fault);
  }

  #answerStream(reply: Reply, body: ResponseBody, timing: string[]): void {
    const fields = this.#fieldsOf(reply);
    if (fields === undefined) return;
    const { initial, trailing } = splitTrailers(fields);
    const { answer } = this.#parts;
    this.#awaitDeadline();
    answer.begin([...initial, ...timing]);
    new AnswerBody(answer, body, this.#parts.stream, (end) => this.#onBodyEnd(end, trailing)).begin();
  }

  #onBodyEnd(end: StreamEnd | GrpcStatus, early: readonly string[]): void {
    if ("kind" in end) this.#finish(this.#statusOfEnd(end, early), undefined, true);
    else this.#finish(end);
  }

  #statusOfEnd(end: StreamEnd, early: readonly string[]): GrpcStatus {
    if (end.kind === "broken") return this.#failure(isErrorCode(end.code) ? end.code : "STREAM_BROKEN");
    const late = decodeTrailers(end.trailers);
    return late === undefined ? BAD_TRAILERS : (trailingStatus([...early, ...late.flat()]) ?? NO_STATUS);
  }

  /** The fields of an answer of gRPC. Another answer ends the call with an error. */
  #fieldsOf(reply: Reply): readonly string[] | undefined {
    const read = reply.read();
    if (read.kind === "failed") this.#finish(this.#failure(read.code, read.limit));
    else if (read.kind === "service-error") this.#finish(this.#failure("SERVICE_ERROR"));
    else if (!read.isValid) this.#finish(this.#failure("BAD_REPLY"));
    else if (read.status !== 200 || !hasGrpcType(read.fields))
      this.#finish(statusOfHttp(read.status, read.fields));
    else return read.fields;
    return undefined;
  }

  #awaitDeadline(): void {
    const { deadline } = this.#parts.head;
    if (deadline === undefined) return;
    const leftMs = Math.max(0, deadline.endsAtMs - performance.now());
    this.#deadline = setTimeout(() => this.#finish(this.#failure("DEADLINE_EXCEEDED")), leftMs);
  }

  #failure(code: Parameters<typeof failureStatus>[0], limit?: number): GrpcStatus {
    const { service, spec } = this.#parts;
    return failureStatus(code, { service, spec }, limit);
  }

  /** Ends the call. `isAnswered`: dispatch is through with it. */
  #finish(status: GrpcStatus, bytes?: Uint8Array, isAnswered = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release(isAnswered);
    this.#parts.answer.end(status, bytes);
  }

  /** The client went away, or the call is over. */
  #onClose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release(false);
    this.#parts.answer.abandon();
  }

  #release(isAnswered: boolean): void {
    clearTimeout(this.#deadline);
    this.#reader.stop();
    if (this.#dispatched !== undefined && !isAnswered) this.#parts.dispatcher.cancel(this.#dispatched);
  }
}

const badReply = (message: string, code: GrpcCode = grpcCodes.INTERNAL) =>
  ownStatus(code, "BAD_REPLY", message);
const NO_STATUS = badReply("the function's answer ended without grpc-status");
const BAD_TRAILERS = badReply("the function's trailing metadata cannot be sent");

function fieldValue(fields: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < fields.length; at += 2)
    if (fields[at]?.toLowerCase() === name) return fields[at + 1];
  return undefined;
}

function hasGrpcType(fields: readonly string[]): boolean {
  return fieldValue(fields, "content-type")?.startsWith("application/grpc") === true;
}

/** The function answered as a server of HTTP. */
function statusOfHttp(status: number, fields: readonly string[]): GrpcStatus {
  const given = fieldValue(fields, "grpc-status");
  const code = (given === undefined ? undefined : parseGrpcStatus(given)) ?? grpcCodeOfHttpAnswer(status);
  const type = fieldValue(fields, "content-type") ?? "none";
  return badReply(
    `the function answered with HTTP status ${status} and content-type ${type}, which is no answer of gRPC`,
    code === grpcCodes.OK ? grpcCodes.UNKNOWN : code,
  );
}
