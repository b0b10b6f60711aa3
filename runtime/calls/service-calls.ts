/**
 * The calls of the functions in this process to other functions. A call goes straight to an instance where the runner has told of
 * its service and an instance takes it (dispatch/direct.ts). Else it goes to a gateway, which holds it, wakes the service and keeps
 * the order of starts.
 *
 * I1  A call that an instance may have begun goes to a gateway only where it may run twice.
 * I2  Nothing is made before the first call to a service that the runner has told of.
 */
import { type ErrorCode, mayRepeat } from "../../contracts/index.ts";
import { Direct, type Dispatched, type Log, type Reply } from "../../dispatch/index.ts";
import type { Message } from "../../nats/index.ts";
import { callService, type RemainingBody, type ResponseBody, type StreamParts } from "../../streams/index.ts";
import type { CallHead } from "./call-head.ts";
import type { Callee, NodeNews } from "./callee.ts";
import type { NearDoors } from "./near-instances.ts";

export interface ServiceCallsOptions {
  streams: StreamParts;
  near: NearDoors;
  node: string;
  warn(fields: object, message: string): void;
}

/** The rest of a call's body. */
export interface CallBody extends RemainingBody {
  /** Breaks the body off beyond so many bytes, as gateways do. */
  bound(maxBytes: number, onTooLarge: () => void): void;
}

export interface FunctionCall {
  service: string;
  head: CallHead;
  /** The part of the body in the first message. */
  first: Uint8Array | string;
  rest: CallBody | undefined;
  /** By `performance.now()`. */
  endsAtMs: number;
  caller: Caller;
}

/** The caller's wait for the answer. */
export interface Caller {
  /** Aborted when it no longer waits. */
  readonly signal: AbortSignal;
  /** Its owner calls it when it aborts `signal`. Most calls end without a signal, which costs as much as their dispatch. */
  onAbort?: (() => void) | undefined;
}

/** The answer of an instance, or one that a gateway has passed on. */
export type Told = { reply: Reply } | { message: Message };

export type CallReply =
  | { kind: "whole"; told: Told }
  /** `told` is the head. A caller that does not read the body to its end calls `cancel`. */
  | { kind: "stream"; told: Told; body: ResponseBody; cancel(): void }
  | { kind: "failed"; code: ErrorCode };

export class ServiceCalls {
  readonly #options: ServiceCallsOptions;
  #callees: ReadonlyMap<string, Callee> = new Map();
  #direct: Direct | undefined;

  constructor(options: ServiceCallsOptions) {
    this.#options = options;
  }

  /** The services that functions here may call, and that narun runs: all of them. */
  setCallees(callees: readonly Callee[]): void {
    const before = this.#callees;
    this.#callees = new Map(callees.map((callee) => [callee.name, callee]));
    for (const name of before.keys()) if (!this.#callees.has(name)) this.#direct?.forget(name);
  }

  /** News of a node, which calls may be under way to. */
  onNode(node: string, news: NodeNews): void {
    this.#direct?.onNode(node, news);
  }

  call(call: FunctionCall): Promise<CallReply> {
    const callee = this.#callees.get(call.service);
    if (callee === undefined) return callByGateway(this.#options.streams, call);
    return this.#callInstance(call, callee);
  }

  close(): void {
    this.#options.near.listener = undefined;
    this.#direct?.close();
  }

  #callInstance(call: FunctionCall, callee: Callee): Promise<CallReply> {
    const { service, head, first, rest, caller } = call;
    const { timeoutMs, maxBodyBytes } = callee.limits;
    const direct = this.#open();
    const { promise, resolve } = Promise.withResolvers<CallReply>();
    let job: Dispatched | undefined;
    const leave = () => job && direct.cancel(job);
    const settle = (reply: CallReply) => {
      caller.onAbort = undefined;
      if (reply.kind !== "stream") rest?.cancel();
      resolve(reply);
    };
    const fail = (code: ErrorCode) => {
      leave();
      settle({ kind: "failed", code });
    };
    // The bound of a request in one message, as at a gateway.
    const firstBytes = typeof first === "string" ? Buffer.byteLength(first) : first.byteLength;
    if (firstBytes > Math.min(maxBodyBytes, this.#options.streams.nats.maxPayload)) {
      settle({ kind: "failed", code: "BODY_TOO_LARGE" });
      return promise;
    }
    caller.onAbort = () => fail("CLIENT_GONE");
    rest?.bound(maxBodyBytes - firstBytes, () => fail("BODY_TOO_LARGE"));
    job = direct.dispatch({
      ...{ service, head, requestId: head.requestId, data: first, streams: true },
      rest,
      // Asked only where an answer was lost.
      get isRepeatable() {
        return mayRepeat(callee, repeatFacts(head));
      },
      endsAtMs: Math.min(call.endsAtMs, performance.now() + timeoutMs),
      onUnplaced: () => {
        caller.onAbort = undefined;
        // Gateways count themselves.
        rest?.bound(Number.POSITIVE_INFINITY, () => undefined);
        resolve(callByGateway(this.#options.streams, call));
      },
      settle(outcome) {
        if (outcome.kind === "failed") settle(outcome);
        else if (outcome.kind === "reply") settle({ kind: "whole", told: { reply: outcome.reply } });
        else
          settle({
            kind: "stream",
            told: { reply: outcome.reply },
            body: outcome.body,
            cancel: () => void leave(),
          });
      },
    });
    return promise;
  }

  #open(): Direct {
    if (this.#direct !== undefined) return this.#direct;
    const { streams, near, node, warn } = this.#options;
    const say = warn as Log["warn"];
    const log = { debug: () => undefined, info: () => undefined, warn: say, error: say };
    this.#direct = new Direct({
      ...{ nats: streams.nats, presence: streams.presence, node, near, log },
      specOf: (service) => this.#callees.get(service),
    });
    near.listener = this.#direct;
    return this.#direct;
  }
}

function repeatFacts({ facts }: CallHead) {
  const { method, rawPath, fields } = facts;
  const hasIdempotencyKey = fields.some((name, at) => at % 2 === 0 && /^idempotency-key$/i.test(name));
  return { method, rawPath, hasIdempotencyKey };
}

/** As a gateway passes it on: it holds the call where no instance is there. */
export async function callByGateway(
  streams: StreamParts,
  { service, head, first, rest, endsAtMs, caller }: FunctionCall,
): Promise<CallReply> {
  const reply = await callService(streams, {
    ...{ service, rest, signal: caller.signal },
    first: typeof first === "string" ? Buffer.from(first) : first,
    headers: head.headers(),
    timeoutMs: endsAtMs - performance.now(),
  });
  if (reply.kind === "failed") return reply;
  const told = { message: reply.message };
  if (reply.kind === "whole") return { kind: "whole", told };
  return { kind: "stream", told, body: reply.body, cancel: () => reply.cancel() };
}
