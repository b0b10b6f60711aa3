/**
 * One call to a function over NATS (`narun.invoke.<service>`), bodies streamed both ways where they are not small.
 *
 * I1  It settles once: with the reply, with the head of a streamed one, or with a code of the catalogue.
 * I2  A stream ends with its call: when it is cancelled, the gateway falls silent, or NATS was away.
 */
import { type ErrorCode, headerNames, type NarunError, subjects } from "../contracts/index.ts";
import { type Headers, headerValue, isNoResponders, type Message, type Nats } from "../nats/index.ts";
import { frameOf } from "./nats-link.ts";
import { OutgoingExchange, type RemainingBody, type ResponseBody } from "./outgoing-exchange.ts";
import type { Peers } from "./peers.ts";
import type { StreamPresence } from "./presence.ts";

/** The parts that a process shares between its streams. */
export interface StreamParts {
  nats: Nats;
  peers: Peers;
  presence: StreamPresence;
}

export interface ServiceCall {
  service: string;
  headers: Headers;
  /** The beginning of the body, in the first message. */
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

export function callService(parts: StreamParts, call: ServiceCall): Promise<ServiceReply> {
  const { nats, presence } = parts;
  const { service, headers, first, rest, timeoutMs, signal } = call;
  const { promise, resolve } = Promise.withResolvers<ServiceReply>();
  if (timeoutMs <= 0) {
    rest?.cancel();
    return Promise.resolve({ kind: "failed", code: "DEADLINE_EXCEEDED" });
  }
  const exchange = new OutgoingExchange({ nats, presence, rest });
  headers.set(headerNames.stream, [exchange.token]);
  if (rest !== undefined) headers.set(headerNames.body, ["stream"]);

  const settle = (reply: ServiceReply) => {
    clearTimeout(timer);
    stopWatching();
    signal.removeEventListener("abort", onAbort);
    if (reply.kind !== "stream") end();
    resolve(reply);
  };
  const fail = (code: ErrorCode) => settle({ kind: "failed", code });
  const onRefused = ({ code, fields: { detail = "" } }: NarunError) =>
    settle({ kind: "failed", code, detail });
  const end = () => {
    pending.release();
    exchange.close();
    // Also where the answering side never asked for it.
    rest?.cancel();
  };
  const cancel = (code: ErrorCode) => {
    exchange.cancel(code);
    fail(code);
  };
  const onAbort = () => cancel("CLIENT_GONE");
  const onReply = (message: Message) => {
    if (!message.isReadable) return fail("BAD_REPLY");
    const frame = frameOf(message);
    if (frame !== undefined) return exchange.receive(frame, message);
    if (isNoResponders(message)) return onNobody();
    if (!message.headers?.has(headerNames.stream)) return settle({ kind: "whole", message });
    settle({ kind: "stream", message, ...openAnswer(parts, exchange, message, end) });
  };
  // "No responders" proves that no gateway has seen the request. An instance may still be there.
  const onNobody = () => {
    pending.release();
    if (rest !== undefined) return fail("NO_CONSUMER");
    headers.delete(headerNames.stream);
    headers.set(headerNames.world, [nats.world.id]);
    const onWhole = (message: Message) => {
      if (!message.isReadable) return fail("BAD_REPLY");
      return isNoResponders(message) || isRefusal(message)
        ? fail("NO_CONSUMER")
        : settle({ kind: "whole", message });
    };
    pending = nats.send(service, first, headers, onWhole, onRefused);
  };
  const timer = setTimeout(() => cancel("DEADLINE_EXCEEDED"), timeoutMs);
  // The gateway follows a streamed body, and gives the call up for the same reason.
  const stopWatching = nats.onState((state) => {
    if (state === "connected" && rest !== undefined) cancel("STREAM_BROKEN");
  });
  signal.addEventListener("abort", onAbort, { once: true });
  let pending = nats.send(subjects.invoke(service), first, headers, onReply, onRefused);
  return promise;
}

/** The receiver has not begun the call: it drains, or is of another world. */
function isRefusal({ headers }: Message): boolean {
  return headerValue(headers, headerNames.error) === ("INSTANCE_DRAINING" satisfies ErrorCode);
}

function openAnswer(
  { nats, peers }: StreamParts,
  exchange: OutgoingExchange,
  head: Message,
  end: () => void,
): { body: ResponseBody; cancel(): void } {
  const over = () => {
    stopFollowing();
    stopWatching();
    end();
  };
  const body = exchange.openResponse(head, over);
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
