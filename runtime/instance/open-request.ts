/**
 * One request that is not over: its phase, its time limit, its one answer.
 *
 * I1  A request is answered once: by the first of response, failure, deadline, limit, end of the instance.
 * I2  A request has one time limit at a time, the one of the event that it waits for (deadline.ts).
 * I3  The handler hears of each end that it did not cause (`abort`) before its streams are cut.
 * I4  A head that was sent is never followed by another answer: the body breaks instead, so that it does not look whole.
 */
import { type ErrorCode, type FunctionConfig, SWITCHING_PROTOCOLS } from "../../contracts/index.ts";
import type { Message, Nats } from "../../nats/index.ts";
import { type Awaited, decideDeadline, unansweredMessage } from "./deadline.ts";
import type { Exchange } from "./exchange.ts";
import type { FunctionLog } from "./function-logs.ts";
import {
  isEventStream,
  type Reply,
  replyFromError,
  replyFromResponse,
  replyMethodNotAllowed,
} from "./reply-to-message.ts";
import type { IncomingRequest } from "./request-from-message.ts";
import type { RefusalReason, ResponseBody, ResponseBodyReceiver, Sandbox } from "./sandbox.ts";
import { type BodyOwner, type BodySender, sendBody } from "./send-body.ts";
import type { Socket } from "./socket.ts";

/** The parts that all requests of an instance share. */
export interface RequestParts {
  readonly nats: Nats;
  readonly config: Pick<FunctionConfig, "limits">;
  readonly log: FunctionLog;
  readonly sandbox: Sandbox;
  /** The instance drains: an answer that begins to stream is warned at once. */
  readonly isDraining: boolean;
  onOver(request: OpenRequest, error: ErrorCode | undefined): void;
}

export interface TakenMessage {
  message: Message;
  /** Undefined where the caller takes no streams. */
  exchange: Exchange | undefined;
  /** Settles the request's count at the NATS Micro service. */
  done: (error?: string) => void;
}

type Phase =
  | { kind: "waiting"; for: Exclude<Awaited, "end of answer"> }
  /** The handler has answered. The answer is about to be sent. */
  | { kind: "answered" }
  /** The body is still with the sandbox: the answer goes out as one message. */
  | { kind: "collecting"; body: BodySender; isEndless: boolean }
  | { kind: "streaming"; body: BodySender; isEndless: boolean }
  | { kind: "socket"; socket: Socket }
  | { kind: "over" };

// Shared by all requests: most of them never leave these phases.
const WAITING_FOR_ANSWER: Phase = { kind: "waiting", for: "answer" };
const ANSWERED: Phase = { kind: "answered" };
const OVER: Phase = { kind: "over" };

/** Upper bound of the header fields of one response. HTTP servers and proxies take far less. */
const MAX_HEADER_BYTES = 256 * 1024;
const MAX_STACK_LENGTH = 64 * 1024;

/** RFC 6455, section 7.4.1: the socket ended without a close frame. */
export const CLOSED_ABNORMALLY = 1006;

export class OpenRequest implements BodyOwner {
  readonly id: number;
  readonly requestId: string;
  readonly method: string;
  readonly timeoutMs: number;
  readonly hops: number;
  readonly takenAtMs = performance.now();
  readonly message: Message;
  readonly exchange: Exchange | undefined;
  readonly done: TakenMessage["done"];
  readonly #parts: RequestParts;
  #phase: Phase = WAITING_FOR_ANSWER;
  #timer: NodeJS.Timeout;

  constructor(
    parts: RequestParts,
    id: number,
    { requestId, method, timeoutMs, hops }: IncomingRequest,
    { message, exchange, done }: TakenMessage,
  ) {
    this.#parts = parts;
    this.id = id;
    this.requestId = requestId;
    this.method = method;
    this.timeoutMs = timeoutMs;
    this.hops = hops;
    this.message = message;
    this.exchange = exchange;
    this.done = done;
    this.#timer = this.#startTimer();
  }

  get nats(): Nats {
    return this.#parts.nats;
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

  /** Hands the request to the sandbox. */
  begin(incoming: IncomingRequest) {
    const { sandbox } = this.#parts;
    const { exchange, id } = this;
    if (exchange?.hasStreamedBody !== true) return sandbox.begin(id, incoming);
    const body = exchange.openBody(sandbox.bodies, id, this.message.data, {
      onAwaited: () => this.#waitFor("request body"),
      onDone: () => this.#waitFor("answer to body"),
    });
    incoming.body = body.id;
    sandbox.begin(id, incoming);
    body.begin();
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
    const content = typeof body === "number" ? undefined : body;
    const reply =
      status === SWITCHING_PROTOCOLS ? undefined : replyFromResponse(status, headerBlock, content);
    if (reply !== undefined) return this.#send(reply, body);
    bodies.discard(this.id, body);
    this.#failWith("BAD_REPLY", "the response has a status or a header field that HTTP cannot carry");
  }

  /** Takes the report that the handler has no response. */
  refuse(reason: RefusalReason, text: string) {
    if (!this.#accept()) return;
    if (reason === "method not allowed") return this.#finish(replyMethodNotAllowed(text));
    if (reason === "no response") return this.#failWith("HANDLER_RETURNED_NO_RESPONSE", text);
    this.fail("HANDLER_THREW");
    this.#parts.log.write("error", text.slice(0, MAX_STACK_LENGTH), this.requestId);
  }

  /** Takes the handler's answer that is a WebSocket. The header block is user input. */
  upgrade(headerBlock: unknown) {
    const { sockets } = this.#parts.sandbox;
    const { exchange, id } = this;
    if (!this.#accept()) {
      if (!this.isSocket) sockets.close(id, CLOSED_ABNORMALLY, "", false);
      return;
    }
    const reply = replyFromResponse(SWITCHING_PROTOCOLS, headerBlock, undefined);
    if (reply === undefined || exchange?.isUpgrade !== true) {
      sockets.close(id, CLOSED_ABNORMALLY, "", false);
      const why =
        "a WebSocket is the answer to a request that did not ask for one, or its header fields are not valid";
      return this.#failWith("BAD_REPLY", why);
    }
    const socket = exchange.openSocket(reply.headers, {
      onMessage: (data) => sockets.message(id, data),
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
    if (this.isHeadOut) this.#close(code);
    else this.#finish(replyFromError(code, this.limits), code);
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

  #send(reply: Reply, body: unknown) {
    const sent = sendBody(this, reply, body);
    if (sent.kind === "message") return this.#finish(sent.reply);
    if (sent.kind === "refused") return this.#failWith(sent.code, sent.why);
    const phase = { body: sent.body, isEndless: isEventStream(reply.headers) };
    if (sent.body.isHeadOut) this.#stream({ kind: "streaming", ...phase });
    else this.#phase = { kind: "collecting", ...phase };
  }

  #stream(phase: Extract<Phase, { kind: "streaming" | "socket" }>) {
    // The caller may be gone while the head is sent.
    if (this.#phase.kind === "over") return bodyOf(phase).break("CLIENT_GONE");
    this.#phase = phase;
    this.#restartTimer();
    if (this.#parts.isDraining) this.warn();
  }

  #waitFor(event: "request body" | "answer to body"): void {
    // After the answer the rest of the request's body has no time limit of its own.
    if (this.#phase.kind !== "waiting") return;
    this.#phase = { kind: "waiting", for: event };
    this.#restartTimer();
  }

  #startTimer(): NodeJS.Timeout {
    const waitMs = decideDeadline(awaitedIn(this.#phase), this, this.limits, performance.now());
    return setTimeout(() => this.#onDeadline(), waitMs);
  }

  #restartTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer();
  }

  #onDeadline() {
    const { timeoutMs, streamMs } = this.limits;
    switch (awaitedIn(this.#phase)) {
      case "answer":
        return this.#failUnanswered(Math.min(timeoutMs, this.timeoutMs));
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

  #finish(reply: Reply, error?: ErrorCode): void {
    if (this.#phase.kind === "over") return;
    this.message.respond(reply.data, reply.headers);
    this.#close(error);
  }

  #close(error: ErrorCode | undefined): void {
    if (this.#phase.kind === "over") return;
    this.#phase = OVER;
    clearTimeout(this.#timer);
    this.exchange?.close();
    this.#parts.onOver(this, error);
  }
}

/** The body that a phase sends. A socket is one. */
function bodyOf(phase: Extract<Phase, { kind: "streaming" | "socket" }>): BodySender;
function bodyOf(phase: Phase): BodySender | undefined;
function bodyOf(phase: Phase): BodySender | undefined {
  if (phase.kind === "socket") return phase.socket;
  return "body" in phase ? phase.body : undefined;
}

function awaitedIn(phase: Phase): Awaited {
  if (phase.kind === "waiting") return phase.for;
  return phase.kind === "streaming" || phase.kind === "socket" ? "end of answer" : "answer";
}
