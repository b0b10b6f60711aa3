/**
 * One call to a function over NATS (`narun.invoke.<service>`), bodies streamed both ways where they are not small.
 *
 * I1  It settles once: with the reply, with the head of a streamed one, or with a code of the catalogue.
 * I2  Where its request or its reply is lost it is sent again, if it may run twice and has no streamed body; else it fails
 *     (open-calls.ts).
 * I3  A stream ends with its call: when it is cancelled, the gateway falls silent, or NATS was away.
 */
import {
  type ErrorCode,
  headerNames,
  isNarunError,
  isRepeatable,
  messageBytes,
  NarunError,
  setTimeLeft,
  subjects,
} from "../contracts/index.ts";
import {
  type Headers,
  headerValue,
  isNoResponders,
  type Message,
  type Nats,
  type PendingReply,
} from "../nats/index.ts";
import { frameOf, NatsAnswerer } from "./nats-channel.ts";
import type { OpenCall, OpenCalls } from "./open-calls.ts";
import { OutgoingExchange, type RemainingBody, type ResponseBody } from "./outgoing-exchange.ts";
import type { Peers } from "./peers.ts";
import type { StreamPresence } from "./presence.ts";

/** The parts of a process that its streams and calls use. */
export interface StreamParts {
  nats: Nats;
  peers: Peers;
  presence: StreamPresence;
  calls: OpenCalls;
}

export interface ServiceCall {
  service: string;
  headers: Headers;
  /** The part of the body in the first message. */
  first: Uint8Array;
  /** The rest of the body. */
  rest?: RemainingBody | undefined;
  timeoutMs: number;
  /** Aborted when the caller no longer waits for the answer. */
  signal: AbortSignal;
}

export type ServiceReply =
  | { kind: "whole"; message: Message }
  /** The message is the head. A caller that does not read the body to its end calls `cancel`. */
  | { kind: "stream"; message: Message; body: ResponseBody; cancel(): void }
  /** `detail`: for operators, not for callers. */
  | { kind: "failed"; code: ErrorCode; detail?: string };

/** Upper bound of how often a call is sent that may run twice. */
const MAX_SENDS = 3;

/** Rejects where the request can never be sent: a header field would break the message apart, or NATS was closed. */
export function callService(parts: StreamParts, call: ServiceCall): Promise<ServiceReply> {
  try {
    if (call.timeoutMs > 0) return new Call(parts, call).promise;
  } catch (error) {
    call.rest?.cancel();
    if (!isNarunError(error)) return Promise.reject(error);
    return Promise.resolve({ kind: "failed", code: error.code });
  }
  call.rest?.cancel();
  return Promise.resolve({ kind: "failed", code: "DEADLINE_EXCEEDED" });
}

class Call implements OpenCall {
  readonly promise: Promise<ServiceReply>;
  readonly #parts: StreamParts;
  readonly #call: ServiceCall;
  readonly #resolve: (reply: ServiceReply) => void;
  /** By `performance.now()`. */
  readonly #endsAtMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #stopWatching: () => void;
  #stopFollowing: () => void;
  readonly #onAbort = () => this.#cancel("CLIENT_GONE");
  #exchange: OutgoingExchange<NatsAnswerer>;
  #pending: PendingReply;
  #sends = 1;

  constructor(parts: StreamParts, call: ServiceCall) {
    const { promise, resolve } = Promise.withResolvers<ServiceReply>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#parts = parts;
    this.#call = call;
    this.#endsAtMs = performance.now() + call.timeoutMs;
    this.#exchange = this.#open();
    try {
      this.#pending = this.#send();
    } catch (error) {
      this.#exchange.close();
      throw error;
    }
    // A call that could not be sent has neither a timer nor listeners.
    this.#timer = setTimeout(() => this.#cancel("DEADLINE_EXCEEDED"), call.timeoutMs);
    // The gateway follows a streamed body, and gives the call up for the same reason.
    this.#stopWatching = parts.nats.onState((state) => {
      if (state === "connected" && call.rest !== undefined) this.#cancel("STREAM_BROKEN");
    });
    call.signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#stopFollowing = parts.calls.follow(this);
  }

  get pending(): PendingReply {
    return this.#pending;
  }

  get mayRepeat(): boolean {
    const { headers, rest } = this.#call;
    const method = headerValue(headers, headerNames.method) ?? "";
    return (
      rest === undefined && this.#sends < MAX_SENDS && isRepeatable(method, headers.has("Idempotency-Key"))
    );
  }

  onLost(code: ErrorCode): void {
    if (this.mayRepeat) this.#repeat(code);
    else this.#cancel(code);
  }

  #repeat(code: ErrorCode): void {
    this.#sends += 1;
    this.#pending.release();
    // An inquiry about the earlier sending may still be answered.
    this.#stopFollowing();
    this.#exchange.cancel("STREAM_BROKEN");
    this.#exchange = this.#open();
    try {
      this.#pending = this.#send();
    } catch {
      // NATS was closed meanwhile.
      this.#fail(code);
      return;
    }
    this.#stopFollowing = this.#parts.calls.follow(this);
  }

  #open(): OutgoingExchange<NatsAnswerer> {
    const { headers, rest } = this.#call;
    const exchange = new OutgoingExchange({ channel: new NatsAnswerer(this.#parts), rest });
    headers.set(headerNames.stream, [exchange.channel.token]);
    if (rest !== undefined) headers.set(headerNames.body, ["stream"]);
    return exchange;
  }

  /** Errors: BODY_TOO_LARGE; as `callService`. */
  #send(): PendingReply {
    const { service, first, headers } = this.#call;
    const { nats } = this.#parts;
    setTimeLeft(headers, this.#endsAtMs);
    if (messageBytes(headers, first) > nats.maxPayload) throw new NarunError("BODY_TOO_LARGE");
    return nats.send(
      subjects.invoke(service),
      first,
      headers,
      (message) => this.#onReply(message),
      (refusal) => this.#onRefused(refusal),
    );
  }

  #onReply(message: Message): void {
    const frame = frameOf(message);
    if (!message.isReadable) this.#fail("BAD_REPLY");
    else if (frame !== undefined) {
      this.#exchange.channel.meet(message);
      this.#exchange.receive(frame, message);
    } else if (isNoResponders(message)) this.#askInstances();
    else if (message.headers?.has(headerNames.stream)) {
      const answer = openAnswer(this.#parts, this.#exchange, message, () => this.#end());
      this.#settle({ kind: "stream", message, ...answer });
    } else this.#settle({ kind: "whole", message });
  }

  /** "No responders" proves that no gateway has seen the request: an instance may be there all the same. */
  #askInstances(): void {
    const { service, first, headers, rest } = this.#call;
    const { nats } = this.#parts;
    this.#pending.release();
    // Gateways know nothing about a request that went to an instance.
    this.#stopFollowing();
    if (rest !== undefined) {
      this.#fail("NO_CONSUMER");
      return;
    }
    headers.delete(headerNames.stream);
    headers.set(headerNames.world, [nats.world.id]);
    setTimeLeft(headers, this.#endsAtMs);
    const onReply = (message: Message) => {
      if (!message.isReadable) this.#fail("BAD_REPLY");
      else if (isNoResponders(message) || isRefusal(message)) this.#fail("NO_CONSUMER");
      else this.#settle({ kind: "whole", message });
    };
    this.#pending = nats.send(service, first, headers, onReply, (refusal) => this.#onRefused(refusal));
  }

  #onRefused({ code, fields: { detail = "" } }: NarunError): void {
    this.#settle({ kind: "failed", code, detail });
  }

  #cancel(code: ErrorCode): void {
    this.#exchange.cancel(code);
    this.#fail(code);
  }

  #fail(code: ErrorCode): void {
    this.#settle({ kind: "failed", code });
  }

  #settle(reply: ServiceReply): void {
    clearTimeout(this.#timer);
    this.#stopWatching();
    this.#stopFollowing();
    this.#call.signal.removeEventListener("abort", this.#onAbort);
    if (reply.kind !== "stream") this.#end();
    this.#resolve(reply);
  }

  #end(): void {
    this.#pending.release();
    this.#exchange.close();
    // A body that no answerer asked for is cancelled, too.
    this.#call.rest?.cancel();
  }
}

/** The instance has not begun the call: it drains, or is of another world. */
function isRefusal({ headers }: Message): boolean {
  return headerValue(headers, headerNames.error) === ("INSTANCE_DRAINING" satisfies ErrorCode);
}

function openAnswer(
  { nats, peers }: StreamParts,
  exchange: OutgoingExchange<NatsAnswerer>,
  head: Message,
  end: () => void,
): { body: ResponseBody; cancel(): void } {
  const over = () => {
    stopFollowing();
    stopWatching();
    end();
  };
  exchange.channel.meet(head);
  const body = exchange.openResponse(over);
  const answerer = headerValue(head.headers, headerNames.answerer) ?? "";
  const stopFollowing = peers.follow(answerer, () => exchange.breakOff("CONSUMER_DIED"));
  const stopWatching = nats.onState((state) => {
    if (state === "connected") exchange.breakOff("STREAM_BROKEN");
  });
  return {
    body,
    cancel() {
      exchange.cancel("CLIENT_GONE");
      over();
    },
  };
}
