/**
 * How a response's body goes out: in one message where it fits, in frames under credit where the asker takes them, and
 * collected into one message where it does not.
 *
 * I1  A body never passes `limits.maxResponseBytes`, nor, for an asker without streams, what one message carries.
 * I2  A stream that broke is told as broken; `onWhole` is called when every byte was sent.
 */
import { ByteQueue, type ErrorCode, type FunctionConfig, MAX_FRAME_BYTES } from "../../contracts/index.ts";
import { headerValue, type Message, type Nats } from "../../nats/index.ts";
import type { Outbound, OutboundReceiver } from "../isolate/process/isolate-streams.ts";
import type { Exchange } from "./exchange.ts";
import { type Reply, replySize } from "./reply-to-message.ts";
import { readTrailers } from "./trailers.ts";

/** A body that is under way. */
export interface BodySender {
  /** Its head has gone to the asker: it cannot get another answer. */
  readonly isHeadOut: boolean;
  /** It ends here, and is not whole. */
  break(code: ErrorCode): void;
}

export type Sent =
  /** It is one message. */
  | { kind: "message"; reply: Reply }
  | { kind: "streams"; body: BodySender }
  | { kind: "refused"; code: ErrorCode; why: string };

export interface SendBodyOptions {
  nats: Nats;
  limits: FunctionConfig["limits"];
  message: Message;
  exchange: Exchange | undefined;
  method: string;
  /** The head, and the body where it is no stream. */
  reply: Reply;
  /** As the isolate posted it: a number is a stream's id. */
  body: unknown;
  openOutbound(receiver: OutboundReceiver): Outbound | undefined;
  onWhole(): void;
  onBroken(code: ErrorCode, why: string): void;
  /** The asker wants no more of it. */
  onGone(code: string): void;
}

export function sendBody(options: SendBodyOptions): Sent {
  const { body, exchange, reply, method, limits, nats } = options;
  if (typeof body === "number") {
    if (method === "HEAD") return withoutBody(options);
    return exchange === undefined ? collect(options) : stream(options, exchange);
  }
  const bytes = typeof reply.data === "string" ? Buffer.byteLength(reply.data) : reply.data.byteLength;
  if (bytes > limits.maxResponseBytes) return tooLarge(bytes, limits.maxResponseBytes);
  if (exchange !== undefined && bytes > MAX_FRAME_BYTES && method !== "HEAD")
    return sendWhole(options, exchange);
  const size = replySize(reply);
  if (size <= nats.maxPayload) return { kind: "message", reply };
  const why = `${size} bytes; one message carries ${nats.maxPayload}`;
  return { kind: "refused", code: "RESPONSE_TOO_LARGE", why };
}

/** The answer to HEAD: nobody asks for the body's bytes, and none are made. */
function withoutBody({ openOutbound, reply }: SendBodyOptions): Sent {
  openOutbound({ onChunk: () => undefined, onEnd: () => undefined })?.cancel();
  return { kind: "message", reply };
}

function stream(options: SendBodyOptions, exchange: Exchange): Sent {
  const { reply, limits, onWhole, onBroken, onGone, openOutbound } = options;
  let sentBytes = 0;
  const outbound = openOutbound({
    isBorrower: true,
    onChunk(bytes, done) {
      sentBytes += bytes.byteLength;
      if (sentBytes <= limits.maxResponseBytes) return sender.write(bytes, done);
      outbound?.cancel();
      const { code, why } = tooLarge(sentBytes, limits.maxResponseBytes);
      onBroken(code, why);
    },
    onEnd(why, trailers) {
      if (why !== undefined) return onBroken("HANDLER_THREW", why);
      const announced = announcedLength(reply);
      if (announced === undefined || announced === sentBytes) return sender.end(readTrailers(trailers));
      onBroken("BAD_REPLY", `the body has ${sentBytes} bytes; its Content-Length says ${announced}`);
    },
  });
  if (outbound === undefined) return { kind: "refused", code: "BAD_REPLY", why: "the body is no stream" };
  const sender = exchange.beginResponse(reply.headers, {
    onCredit: (bytes) => outbound.grant(bytes),
    onCancel: onGone,
    onEnded: onWhole,
  });
  return {
    kind: "streams",
    body: {
      isHeadOut: true,
      break(code) {
        sender.break(code);
        outbound.cancel();
      },
    },
  };
}

function announcedLength({ headers }: Reply): number | undefined {
  const text = headerValue(headers, "Content-Length");
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A whole body that is too large for one message. */
function sendWhole({ reply, onWhole, onGone }: SendBodyOptions, exchange: Exchange): Sent {
  const bytes = typeof reply.data === "string" ? Buffer.from(reply.data) : reply.data;
  reply.headers.set("Content-Length", [String(bytes.byteLength)]);
  const sender = exchange.beginResponse(reply.headers, {
    onCancel: onGone,
    onEnded: onWhole,
  });
  sender.write(bytes);
  sender.end();
  return { kind: "streams", body: { isHeadOut: true, break: (code) => sender.break(code) } };
}

/** For an asker that takes one message only. */
function collect({ nats, message, reply, limits, openOutbound, onWhole, onBroken }: SendBodyOptions): Sent {
  const chunks = new ByteQueue();
  const room = Math.min(nats.maxPayload - replySize(reply), limits.maxResponseBytes);
  const outbound = openOutbound({
    onChunk(bytes) {
      chunks.push(bytes);
      if (chunks.byteLength <= room) return outbound?.grant(bytes.byteLength);
      outbound?.cancel();
      onBroken(
        "RESPONSE_TOO_LARGE",
        `over ${room} bytes, which one message carries; its caller takes no streams`,
      );
    },
    onEnd(why) {
      if (why !== undefined) return onBroken("HANDLER_THREW", why);
      message.respond(chunks.concat(), reply.headers);
      onWhole();
    },
  });
  if (outbound === undefined) return { kind: "refused", code: "BAD_REPLY", why: "the body is no stream" };
  outbound.grant(MAX_FRAME_BYTES);
  return { kind: "streams", body: { isHeadOut: false, break: () => outbound.cancel() } };
}

function tooLarge(bytes: number, limit: number) {
  const why = `a body of ${bytes} bytes; limits.maxResponseBytes is ${limit}`;
  return { kind: "refused", code: "RESPONSE_TOO_LARGE", why } as const;
}
