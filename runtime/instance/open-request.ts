/**
 * One request that is not over: its phase, its time limit, its one answer.
 *
 * I1  A request is answered once: by the first of response, failure, deadline, limit, end of the instance.
 * I2  A request has one time limit at a time, the one of the event that it waits for (deadline.ts).
 * I3  The handler hears of each end that it did not cause (`abort`) before its streams are cut.
 * I4  A head that was sent is never followed by another answer: the body breaks instead, so that it does not look whole.
 */
import {
  type ErrorCode,
  errorEntry,
  type Frame,
  type FunctionConfig,
  isResponseStatus,
  SWITCHING_PROTOCOLS,
} from "../../contracts/index.ts";
import type { Arrived } from "../../streams/index.ts";
import type { RequestWay } from "../host.ts";
import { decideDeadline, unansweredMessage } from "./deadline.ts";
import type { Deadlines, Timed } from "./deadlines.ts";
import { Exchange } from "./exchange.ts";
import type { FunctionLog } from "./function-logs.ts";
import type { Answer, FrameTaker, IncomingCall } from "./incoming-call.ts";
import type { CountEnd, RequestCounts } from "./request-counts.ts";
import { ANSWERED, awaitedIn, bodyOf, OVER, type Phase, WAITING_FOR_ANSWER } from "./request-phase.ts";
import type {
  IncomingRequest,
  RefusalReason,
  ResponseBody,
  ResponseBodyReceiver,
  Sandbox,
} from "./sandbox.ts";
import { type BodyOwner, type Content, contentOf, sendBody } from "./send-body.ts";
import { msUntilProof } from "./unbegun.ts";

/** The parts that all requests of an instance share. */
export interface RequestParts {
  readonly config: Pick<FunctionConfig, "name" | "limits">;
  /** Undefined: requests are not counted. */
  readonly counts: RequestCounts | undefined;
  readonly log: FunctionLog;
  readonly sandbox: Sandbox;
  readonly deadlines: Deadlines;
  /** The instance drains: an answer that begins to stream is warned at once. */
  readonly isDraining: boolean;
  onOver(request: OpenRequest): void;
  /** The head of its answer was sent. */
  onHeadOut(): void;
}

/** Upper bound of the header fields of one response. HTTP servers and proxies take far less. */
const MAX_HEADER_BYTES = 256 * 1024;
const MAX_STACK_LENGTH = 64 * 1024;
/** RFC 6455, section 7.4.1: the socket ended without a close frame. */
export const CLOSED_ABNORMALLY = 1006;

export class OpenRequest implements BodyOwner, FrameTaker, Timed {
  readonly id: number;
  readonly requestId: string;
  readonly method: string;
  readonly timeoutMs: number;
  readonly hops: number;
  readonly takenAtMs = performance.now();
  /** The way that it came. */
  readonly way: RequestWay;
  /** Counts its end. Undefined: it is not counted. */
  readonly counted: CountEnd | undefined;
  /** The status of its answer, when there is one. */
  status: number | undefined;
  /** Why it failed, when it is over. */
  failure: ErrorCode | undefined;
  readonly #call: IncomingCall;
  readonly #parts: RequestParts;
  readonly #returnsAfter: number | undefined;
  #exchange: Exchange | undefined;
  #phase: Phase = WAITING_FOR_ANSWER;
  #endsAtMs: number;

  constructor(
    parts: RequestParts,
    id: number,
    { requestId, method, timeoutMs, hops, deadline, isReturnable }: IncomingRequest,
    call: IncomingCall,
    way: RequestWay,
  ) {
    this.#parts = parts;
    this.way = way;
    this.counted = parts.counts?.begin(parts.config.name, way);
    this.id = id;
    this.requestId = requestId;
    this.method = method;
    this.timeoutMs = timeoutMs;
    this.hops = hops;
    this.#call = call;
    this.#returnsAfter = isReturnable === true ? deadline : undefined;
    const { limits } = parts.config;
    this.#endsAtMs = this.takenAtMs + decideDeadline("answer", this, limits, this.takenAtMs);
    parts.deadlines.expect(this.#endsAtMs);
    call.listen(this);
  }

  get endsAtMs(): number {
    return this.#endsAtMs;
  }

  get limits(): FunctionConfig["limits"] {
    return this.#parts.config.limits;
  }

  get isSocket(): boolean {
    return this.#phase.kind === "socket";
  }

  /** The head of the answer was sent. */
  get isHeadOut(): boolean {
    return this.#phase.kind === "streaming" || this.#phase.kind === "socket";
  }

  /** Its handler waits for the rest of its body. */
  get isBodyAwaited(): boolean {
    return this.#phase.kind === "waiting" && this.#phase.for === "request body";
  }

  get maxAnswerBytes(): number {
    return this.#call.maxAnswerBytes;
  }

  /** Hands the request to the sandbox. */
  begin(incoming: IncomingRequest) {
    const { sandbox } = this.#parts;
    const { id } = this;
    const exchange = this.#call.hasStreamedBody ? this.openExchange() : undefined;
    if (exchange === undefined) return sandbox.begin(id, incoming);
    const body = exchange.openBody(sandbox.bodies, id, this.#call.data, {
      onAwaited: () => this.#waitFor("request body"),
      onDone: () => this.#waitFor("answer to body"),
    });
    incoming.body = body.id;
    sandbox.begin(id, incoming);
    body.begin();
  }

  openExchange(): Exchange | undefined {
    const { channel } = this.#call;
    if (channel === undefined) return undefined;
    this.#exchange ??= new Exchange({
      channel,
      onGone: (code) => this.gone(code),
      onDrain: () => this.warn(),
    });
    return this.#exchange;
  }

  /** Takes a frame of the caller. */
  receive(frame: Frame, arrived: Arrived): void {
    if (this.#exchange !== undefined) this.#exchange.receive(frame, arrived);
    else if (frame.kind === "cancel") this.gone(frame.code);
    else if (frame.kind === "drain") this.warn();
  }

  /** Takes the handler's response: user input. */
  respond(status: unknown, headerBlock: unknown, body: unknown) {
    const { bodies } = this.#parts.sandbox;
    if (!this.#accept()) return bodies.discard(this.id, body);
    // Checked before it is parsed: a block of many megabytes would hold the thread that all functions share.
    const blockSize = typeof headerBlock === "string" ? headerBlock.length : 0;
    if (blockSize > MAX_HEADER_BYTES) {
      bodies.discard(this.id, body);
      const why = `header fields of ${blockSize} bytes; ${MAX_HEADER_BYTES} is the most`;
      return this.#failWith("RESPONSE_TOO_LARGE", why);
    }
    const content = contentOf(body);
    const answer =
      content === undefined || status === SWITCHING_PROTOCOLS ? undefined : this.#answer(status, headerBlock);
    if (answer !== undefined && content !== undefined) return this.#send(answer, content);
    bodies.discard(this.id, body);
    this.#failWith("BAD_REPLY", "the response has a status or a header field that HTTP cannot carry");
  }

  /** Takes the report that the handler has no response. */
  refuse(reason: RefusalReason, text: string) {
    if (!this.#accept()) return;
    if (reason === "method not allowed") return this.#refuseMethod(text);
    if (reason === "no handler")
      return this.#failWith("NO_SUCH_HANDLER", `the module has no handler "${text}"`);
    if (reason === "no response") return this.#failWith("HANDLER_RETURNED_NO_RESPONSE", text);
    this.fail("HANDLER_THREW");
    this.#parts.log.write("error", text.slice(0, MAX_STACK_LENGTH), this.requestId);
  }

  /** Takes the handler's answer that is a WebSocket. The header block is user input. */
  upgrade(headerBlock: unknown) {
    const { sockets } = this.#parts.sandbox;
    const { id } = this;
    if (!this.#accept()) {
      if (!this.isSocket) sockets.close(id, CLOSED_ABNORMALLY, "", false);
      return;
    }
    const answer = this.#answer(SWITCHING_PROTOCOLS, headerBlock);
    const exchange = this.#call.isUpgrade ? this.openExchange() : undefined;
    if (answer === undefined || exchange === undefined) {
      sockets.close(id, CLOSED_ABNORMALLY, "", false);
      const why =
        "a WebSocket is the answer to a request that did not ask for one, or its header fields are not valid";
      return this.#failWith("BAD_REPLY", why);
    }
    const socket = exchange.openSocket(answer, {
      onMessage: (data, onTaken) => sockets.message(id, data, onTaken),
      onCredit: (bytes) => sockets.grant(id, bytes),
      onClose: (...how) => sockets.close(id, ...how),
      onOver: () => this.#close(undefined),
      onBroken: (code) => this.gone(code),
      onMisuse: (code, why) => this.#parts.log.write("error", `${code}: ${why}`, this.requestId),
    });
    this.#stream({ kind: "socket", socket });
  }

  socketMessage(data: string | ArrayBuffer): void {
    if (this.#phase.kind === "socket") this.#phase.socket.message(data);
  }

  socketClose(code: number, reason: string): void {
    if (this.#phase.kind === "socket") this.#phase.socket.close(code, reason);
  }

  fail(code: ErrorCode): void {
    const body = bodyOf(this.#phase);
    if (!this.isHeadOut) this.#failCall(code);
    this.#close(code);
    body?.break(code);
  }

  /** The caller no longer waits. Its `DEADLINE_EXCEEDED` may come before this machine's timer. */
  gone(code: string) {
    if (this.#phase.kind === "over") return;
    if (code === "DEADLINE_EXCEEDED")
      return this.#failUnanswered(Math.round(performance.now() - this.takenAtMs));
    this.#parts.sandbox.abort(this.id, "client gone");
    bodyOf(this.#phase)?.break("CLIENT_GONE");
    this.#close("CLIENT_GONE");
  }

  /** Tells the handler that the instance or the caller drains. */
  warn(): void {
    const isEndless = "isEndless" in this.#phase && this.#phase.isEndless;
    this.#parts.sandbox.abort(this.id, isEndless ? "drain endless" : "drain");
  }

  openBody(body: unknown, receiver: ResponseBodyReceiver): ResponseBody | undefined {
    return this.#parts.sandbox.bodies.openResponse(this.id, body, receiver);
  }

  bodySent(): void {
    this.#close(undefined);
  }

  bodyBroke(code: ErrorCode, why: string): void {
    const text = code === "HANDLER_THREW" ? `the response's body broke: ${why}` : `${code}: ${why}`;
    this.#parts.log.write("error", text, this.requestId);
    this.fail(code);
  }

  /** Returns whether this is the handler's first answer. */
  #accept(): boolean {
    if (this.#phase.kind !== "waiting") return false;
    this.#phase = ANSWERED;
    return true;
  }

  /** Undefined where HTTP cannot carry the answer. */
  #answer(status: unknown, headerBlock: unknown): Answer | undefined {
    if (!isResponseStatus(status) || typeof headerBlock !== "string") return undefined;
    this.status = status;
    return this.#call.answer(status, headerBlock);
  }

  #send(answer: Answer, content: Content) {
    const sent = sendBody(this, answer, content);
    if (sent.kind === "whole") return this.#finish(answer, sent.body);
    if (sent.kind === "refused") return this.#failWith(sent.code, sent.why);
    const phase = { body: sent.body, isEndless: isEventStream(answer) };
    if (sent.body.isHeadOut) this.#stream({ kind: "streaming", ...phase });
    else this.#phase = { kind: "collecting", ...phase };
  }

  /** Answers a method that the function has no export for (RFC 9110, section 15.5.6). */
  #refuseMethod(allow: string): void {
    const answer = this.#answer(405, `allow\n${/^[A-Z, ]*$/.test(allow) ? allow : ""}\n`);
    if (answer !== undefined) this.#finish(answer, "");
  }

  #failCall(code: ErrorCode): void {
    if (this.#phase.kind === "over") return;
    const { limit } = errorEntry(code);
    this.#call.fail(code, limit === undefined ? undefined : this.limits[limit]);
  }

  #stream(phase: Extract<Phase, { kind: "streaming" | "socket" }>) {
    // The caller may be gone while the head is sent.
    if (this.#phase.kind === "over") return bodyOf(phase).break("CLIENT_GONE");
    this.#phase = phase;
    this.#setDeadline();
    this.#parts.onHeadOut();
    if (this.#parts.isDraining) this.warn();
  }

  #waitFor(event: "request body" | "answer to body"): void {
    // After the answer the rest of the request's body has no time limit of its own.
    if (this.#phase.kind !== "waiting") return;
    this.#phase = { kind: "waiting", for: event };
    this.#setDeadline();
  }

  #setDeadline(): void {
    const nowMs = performance.now();
    this.#endsAtMs = nowMs + decideDeadline(awaitedIn(this.#phase), this, this.limits, nowMs);
    this.#parts.deadlines.expect(this.#endsAtMs);
  }

  onDeadline() {
    const { timeoutMs, streamMs } = this.limits;
    switch (awaitedIn(this.#phase)) {
      case "answer":
        return this.#returnUnbegun() || this.#failUnanswered(Math.min(timeoutMs, this.timeoutMs));
      case "answer to body":
        return this.#failUnanswered(timeoutMs);
      case "request body":
        return this.#abandon(
          "STREAM_LIMIT",
          `the request's body took longer than limits.streamMs (${streamMs} ms)`,
        );
      case "end of answer":
        return this.#abandon("STREAM_LIMIT", `the response streamed for limits.streamMs (${streamMs} ms)`);
    }
  }

  /** Tells the caller that no handler began. Returns whether the request was seen to. */
  #returnUnbegun(): boolean {
    const leftMs = msUntilProof(this.#returnsAfter);
    if (leftMs !== undefined && leftMs > 0) {
      this.#endsAtMs = performance.now() + leftMs;
      this.#parts.deadlines.expect(this.#endsAtMs);
      return true;
    }
    if (leftMs === undefined || this.#parts.sandbox.isUnbegun?.(this.id) !== true) return false;
    this.#abandon("NOT_BEGUN", `no handler began it within ${this.timeoutMs} ms`);
    return true;
  }

  #failUnanswered(waitMs: number): void {
    this.#abandon("DEADLINE_EXCEEDED", unansweredMessage(this, waitMs, this.limits.timeoutMs));
  }

  /** Ends a request whose handler may still run. */
  #abandon(code: ErrorCode, why: string): void {
    this.#parts.sandbox.abort(this.id, "deadline");
    this.#failWith(code, why);
  }

  #failWith(code: ErrorCode, why: string): void {
    this.#parts.log.write("error", `${code}: ${why}`, this.requestId);
    this.fail(code);
  }

  #finish(answer: Answer, body: Uint8Array | string): void {
    if (this.#phase.kind === "over") return;
    answer.send(body);
    this.#close(undefined);
  }

  #close(error: ErrorCode | undefined): void {
    if (this.#phase.kind === "over") return;
    this.#phase = OVER;
    this.failure = error;
    this.#exchange?.close();
    this.#parts.onOver(this);
    this.#call.over(error === undefined ? undefined : `${error}: ${errorEntry(error).title}`);
  }
}

/** Whether an answer is a stream of server-sent events (HTML, section 9.2). */
function isEventStream(answer: Answer): boolean {
  return /^\s*text\/event-stream\s*(?:;|$)/i.test(answer.field("content-type") ?? "");
}
