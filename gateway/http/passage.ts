/**
 * One request from its route to its answer: reads the body, dispatches, and writes the answer.
 *
 * I1  A request is answered once. When its client is gone it is cancelled, and not answered.
 * I2  A body is never read beyond its limit.
 * I3  A fault costs its own request: it is answered with INTERNAL, or cut where the answer has begun.
 */
import {
  type ErrorCode,
  type FunctionSpec,
  MAX_FRAME_BYTES,
  mayRepeat,
  messageOf,
  SWITCHING_PROTOCOLS,
} from "../../contracts/index.ts";
import type {
  Dispatched,
  Dispatcher,
  DispatchRequest,
  Log,
  Outcome,
  SendableHead,
} from "../../dispatch/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { RemainingBody } from "../../streams/index.ts";
import type { AsyncDoor } from "../async/async-door.ts";
import type { RouteTable } from "../routes.ts";
import type { GatewayTraces } from "../traces/gateway-traces.ts";
import { endHttp } from "../traces/http-trace.ts";
import type { WebSockets } from "../websocket/websocket.ts";
import { type Body, hasBody, maxMessageBody, readBody } from "./body.ts";
import { addCors } from "./cors.ts";
import { type AnswerOptions, closeAfter, type Exchange, refuse, serverTiming, write } from "./exchange.ts";
import type { IsTrusted } from "./forwarded.ts";
import {
  type Destination,
  failureResponse,
  type GatewayResponse,
  problemResponse,
} from "./gateway-response.ts";
import type { Gathering } from "./gathering.ts";
import type { OwnPaths } from "./own-paths.ts";
import { toResponse, toStreamHead } from "./reply-to-response.ts";
import { requestHead } from "./request-head.ts";
import type { RequestTarget } from "./request-path.ts";
import { writeStream } from "./stream-response.ts";

export interface ServeOptions extends AnswerOptions {
  nats: Nats;
  dispatcher: Dispatcher;
  gathering: Gathering;
  routes(): RouteTable;
  /** Whether routes are still to come: functions are being pushed. */
  isFilling(): boolean;
  specOf(service: string): FunctionSpec | undefined;
  /** For services without a spec. */
  defaultTimeoutMs: number;
  webSockets: WebSockets;
  /** Calls that are answered before they run. */
  calls: AsyncDoor;
  own: OwnPaths<ServeOptions>;
  isTrusted: IsTrusted;
  /** Undefined: traces are off. */
  traces: GatewayTraces | undefined;
  log: Log;
}

/** A request on its way through dispatch. */
export class Passage implements DispatchRequest {
  readonly service: string;
  readonly streams = true;
  readonly isRepeatable: boolean;
  head: SendableHead = NO_HEAD;
  data: Uint8Array = NO_BYTES;
  rest: RemainingBody | undefined;
  endsAtMs = 0;
  readonly #options: ServeOptions;
  readonly #exchange: Exchange;
  readonly #target: RequestTarget;
  readonly #host: string;
  #dispatched: Dispatched | undefined;
  #isOver = false;

  constructor(options: ServeOptions, exchange: Exchange, target: RequestTarget, host: string) {
    const { method, incoming, destination } = exchange;
    this.service = destination.service;
    const hasIdempotencyKey = incoming.headers["idempotency-key"] !== undefined;
    this.isRepeatable = mayRepeat(destination.spec, { method, rawPath: target.rawPath, hasIdempotencyKey });
    this.#options = options;
    this.#exchange = exchange;
    this.#target = target;
    this.#host = host;
  }

  /** Reads the body, and hands the request to dispatch. */
  begin(): void {
    const { incoming, outgoing } = this.#exchange;
    if (!hasBody(incoming)) {
      this.#dispatch();
      return;
    }
    const options = {
      ...bodyLimit(this.#options, this.#exchange.destination),
      gather: (refuse: (code: ErrorCode) => void) => this.#options.gathering.join(this.service, refuse),
      onTooLarge: () => this.#guard(() => this.#onTooLarge()),
    };
    readBody(incoming, outgoing, options, (body) => this.#guard(() => this.#take(body)));
  }

  /** The answer. It is called by dispatch, once. */
  settle(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#exchange.trace?.settled(this.service, outcome);
    try {
      this.#answer(outcome);
    } catch (error) {
      fail(this.#options, this.#exchange, error);
    }
  }

  /** The request no longer waits for its answer, or for the rest of it. */
  cancel(): void {
    this.#isOver = true;
    if (this.#dispatched !== undefined) this.#options.dispatcher.cancel(this.#dispatched);
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      fail(this.#options, this.#exchange, error);
    }
  }

  #take(body: Body): void {
    const exchange = this.#exchange;
    switch (body.kind) {
      case "gone":
        break;
      case "refused":
        this.#close(failureResponse(body.code, exchange.requestId, exchange.destination));
        break;
      case "too-large":
        this.#onTooLarge();
        break;
      case "whole":
        this.data = body.data;
        this.#dispatch();
        break;
      case "stream":
        this.data = body.first;
        this.rest = body.rest;
        this.#dispatch();
        break;
    }
  }

  #dispatch(): void {
    const { dispatcher, isTrusted, defaultTimeoutMs, traces } = this.#options;
    const exchange = this.#exchange;
    const limits = exchange.destination.spec?.limits;
    // The time of a streamed body comes on top: the instance begins to count when the body has come (docs/limits.md).
    const bodyMs = this.rest === undefined ? 0 : (limits?.streamMs ?? 0);
    const timeoutMs = bodyMs + (limits?.timeoutMs ?? defaultTimeoutMs);
    this.endsAtMs = performance.now() + timeoutMs;
    const head = requestHead(exchange, this.#target, {
      host: this.#host,
      isTrusted,
      traces,
      endsAtMs: this.endsAtMs,
      form: dispatcher.ways.hasSocket(this.service) ? "text" : "headers",
    });
    if (head === undefined) this.#close(problemResponse("BAD_REQUEST", exchange.requestId));
    if (head === undefined || exchange.outgoing.destroyed) return;
    this.head = head;
    exchange.passage = this;
    this.#dispatched = dispatcher.dispatch(this);
  }

  #answer(outcome: Outcome): void {
    const options = this.#options;
    const exchange = this.#exchange;
    // The handler left the body unread, so the beginning of the next request is unknown.
    const isUnread = this.rest !== undefined && !exchange.incoming.readableEnded;
    if (outcome.kind === "stream") {
      writeStreamed(options, exchange, outcome, { isUnread, cancel: () => this.cancel() });
      return;
    }
    const response = responseOf(outcome, exchange);
    if (isUnread) closeAfter(options, exchange, response, outcome.cold);
    else write(options, exchange, response, outcome.cold);
  }

  #close(response: GatewayResponse): void {
    closeAfter(this.#options, this.#exchange, response, undefined);
  }

  #onTooLarge(): void {
    const options = this.#options;
    const { outgoing, requestId, destination } = this.#exchange;
    this.cancel();
    if (outgoing.headersSent) {
      outgoing.destroy();
      return;
    }
    const { maxBytes, name } = bodyLimit(options, destination);
    const detail = `the limit is ${maxBytes} bytes (${name})`;
    refuse(options, this.#exchange, problemResponse("BODY_TOO_LARGE", requestId, detail));
  }
}

const NO_BYTES = new Uint8Array();
const NO_HEAD: SendableHead = { headers: () => new Map(), text: () => "", hops: 0, isUpgrade: false };

/** Answers a fault of the gateway with INTERNAL. An answer that has begun is cut with its connection. */
export function fail(options: ServeOptions, exchange: Exchange, error: unknown): void {
  const { incoming, outgoing, requestId } = exchange;
  exchange.passage?.cancel();
  options.log.error({ requestId, error: messageOf(error) }, "a request failed in the gateway");
  try {
    if (!outgoing.headersSent) {
      closeAfter(options, exchange, problemResponse("INTERNAL", requestId), undefined);
      return;
    }
  } catch {
    // The answer is the fault.
  }
  incoming.socket.destroy();
}

function writeStreamed(
  options: ServeOptions,
  exchange: Exchange,
  { reply, body, cold }: Extract<Outcome, { kind: "stream" }>,
  { isUnread, cancel }: { isUnread: boolean; cancel: () => void },
): void {
  const { outgoing, method, requestId, pattern, startedMs, upgrade } = exchange;
  const read = toStreamHead(reply);
  // A function may answer 101 to a request that did not ask for it. The client could not parse the bytes that follow.
  const head = upgrade === undefined && read?.status === SWITCHING_PROTOCOLS ? undefined : read;
  if (upgrade !== undefined && head?.status === SWITCHING_PROTOCOLS) {
    head.headers.push("X-Request-Id", requestId);
    options.webSockets.accept(upgrade, head.headers, body, cancel);
    if (exchange.trace !== undefined) endHttp(exchange.trace, head.status, true);
    options.metrics.answered(method, pattern, head.status, performance.now() - startedMs);
    return;
  }
  const hasBody = method !== "HEAD" && head?.status !== 204 && head?.status !== 304;
  if (head === undefined || !hasBody) {
    cancel();
    const empty = head && { status: head.status, headers: head.headers, body: undefined };
    write(options, exchange, empty ?? failureResponse("BAD_REPLY", requestId, exchange.destination), cold);
    return;
  }
  if (exchange.cors !== undefined) addCors(head.headers, exchange.cors);
  head.headers.push("X-Request-Id", requestId);
  if (cold !== undefined) head.headers.push("Server-Timing", serverTiming(cold));
  if (isUnread || options.isLeaving()) head.headers.push("Connection", "close");
  writeStream(outgoing, head, body);
  options.metrics.answered(method, pattern, head.status, performance.now() - startedMs);
}

function responseOf(
  outcome: Exclude<Outcome, { kind: "stream" }>,
  { method, requestId, destination }: Exchange,
): GatewayResponse {
  return outcome.kind === "reply"
    ? toResponse(outcome.reply, method, requestId, destination)
    : failureResponse(outcome.code, requestId, destination, { waitsFor: outcome.waitsFor });
}

interface BodyLimit {
  maxBytes: number;
  /** A larger body is streamed. */
  maxWholeBytes: number;
  maxWholeMs: number;
  /** The name of the setting. */
  name: string;
}

/** A function takes streams. A program, and a service without a spec, may not, so their bodies go in one message. */
function bodyLimit({ nats, defaultTimeoutMs }: ServeOptions, { spec }: Destination): BodyLimit {
  if (spec !== undefined && spec.mode !== "exec")
    return {
      maxBytes: spec.limits.maxBodyBytes,
      maxWholeBytes: MAX_FRAME_BYTES,
      maxWholeMs: spec.limits.streamMs,
      name: "limits.maxBodyBytes",
    };
  const maxBytes = Math.min(maxMessageBody(nats), spec?.limits.maxBodyBytes ?? Number.POSITIVE_INFINITY);
  return {
    maxBytes,
    maxWholeBytes: maxBytes,
    maxWholeMs: spec?.limits.streamMs ?? defaultTimeoutMs,
    name: maxBytes === spec?.limits.maxBodyBytes ? "limits.maxBodyBytes" : "max_payload of nats-server",
  };
}
