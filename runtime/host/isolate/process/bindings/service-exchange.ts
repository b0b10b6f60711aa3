/**
 * One call to another function over NATS, bodies streamed both ways where they are not small.
 *
 * I1  It settles once: with the reply, with the head of a streamed one, or with a code of the catalogue.
 * I2  What the isolate streams is taken as fast as the gateway grants, what comes as fast as the isolate does.
 * I3  A stream ends with its call: when the isolate no longer wants it, the gateway falls silent, or NATS was away.
 */
import { type ErrorCode, headerNames, subjects } from "../../../../../contracts/index.ts";
import {
  Asking,
  type BodyRest,
  frameOf,
  type Headers,
  headerValue,
  type Message,
  type Nats,
  type Peers,
  type StreamPresence,
} from "../../../../../nats/index.ts";
import type { CallContext } from "../host-calls.ts";

/** What host processes need to stream with others. */
export interface StreamParts {
  nats: Nats;
  peers: Peers;
  presence: StreamPresence;
}

export interface ServiceCall {
  service: string;
  headers: Headers;
  /** What fits into the first message; a number is the id of the isolate's stream. */
  body: Uint8Array | number;
  timeoutMs: number;
}

export type ServiceReply =
  | { kind: "whole"; message: Message }
  /** The message is the head; the body is a stream of this id. */
  | { kind: "stream"; message: Message; stream: number }
  | { kind: "failed"; code: ErrorCode };

const NO_RESPONDERS = 503;

export function callService(
  parts: StreamParts,
  call: ServiceCall,
  context: CallContext,
): Promise<ServiceReply> {
  const { nats, presence } = parts;
  const { service, headers, body, timeoutMs } = call;
  const { promise, resolve } = Promise.withResolvers<ServiceReply>();
  if (timeoutMs <= 0) return Promise.resolve({ kind: "failed", code: "DEADLINE_EXCEEDED" });
  const asking = new Asking({ nats, presence, rest: restOf(body, context) });
  headers.set(headerNames.stream, [asking.token]);
  if (typeof body === "number") headers.set(headerNames.body, ["stream"]);

  const settle = (reply: ServiceReply) => {
    clearTimeout(timer);
    context.signal.removeEventListener("abort", onAbort);
    if (reply.kind !== "stream") end();
    resolve(reply);
  };
  const fail = (code: ErrorCode) => settle({ kind: "failed", code });
  const end = () => {
    pending.release();
    asking.close();
  };
  const onAbort = () => {
    asking.cancel("CLIENT_GONE");
    fail("CLIENT_GONE");
  };
  const onReply = (message: Message) => {
    const frame = frameOf(message);
    if (frame !== undefined) return asking.receive(frame, message);
    if (message.status === NO_RESPONDERS && message.data.length === 0) return onNobody();
    if (!message.headers?.has(headerNames.stream)) return settle({ kind: "whole", message });
    asking.meet(message);
    settle({ kind: "stream", message, stream: openAnswer(parts, asking, message, context, end) });
  };
  // "No responders" proves that nobody has seen the request: without a gateway an instance may be there.
  const onNobody = () => {
    pending.release();
    if (typeof body === "number") return fail("NO_CONSUMER");
    headers.delete(headerNames.stream);
    pending = nats.send(service, body, headers, (message) =>
      message.status === NO_RESPONDERS && message.data.length === 0
        ? fail("NO_CONSUMER")
        : settle({ kind: "whole", message }),
    );
  };
  const timer = setTimeout(() => fail("DEADLINE_EXCEEDED"), timeoutMs);
  context.signal.addEventListener("abort", onAbort, { once: true });
  const first = typeof body === "number" ? new Uint8Array() : body;
  let pending = nats.send(subjects.invoke(service), first, headers, onReply);
  return promise;
}

/** The stream that an isolate sends as the request's body. */
function restOf(body: Uint8Array | number, { streams, owner }: CallContext): BodyRest | undefined {
  if (typeof body !== "number") return undefined;
  return {
    pipe(sender) {
      const outbound = streams.openOutbound(body, owner, {
        onChunk: (bytes) => sender.write(bytes),
        onEnd: (why) => (why === undefined ? sender.end() : sender.break("HANDLER_THREW")),
      });
      return (bytes) => outbound?.grant(bytes);
    },
  };
}

/** Hands a streamed answer to the isolate; returns the stream's id. */
function openAnswer(
  { nats, peers }: StreamParts,
  asking: Asking,
  head: Message,
  { streams, owner }: CallContext,
  end: () => void,
): number {
  const over = () => {
    stopFollowing();
    stopWatching();
    end();
  };
  const body = asking.openResponse(over);
  const inbound = streams.openInbound(owner, {
    onCredit: (bytes) => body.grant(bytes),
    onCancel: () => {
      asking.cancel("CLIENT_GONE");
      over();
    },
  });
  const lose = (code: ErrorCode) => asking.breakOff(code);
  const stopFollowing = peers.follow(headerValue(head.headers, headerNames.answerer) ?? "", () =>
    lose("CONSUMER_DIED"),
  );
  const stopWatching = nats.onState((state) => {
    if (state === "connected") lose("STREAM_BROKEN");
  });
  body.open(
    {
      onData: (bytes) => inbound.push(new Uint8Array(bytes).buffer),
      onEnd: (answer) =>
        inbound.end(answer.kind === "whole" ? undefined : `the answer's body broke (${answer.code})`),
    },
    0,
  );
  return inbound.id;
}
