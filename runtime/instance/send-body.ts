/**
 * Sends the body of a response: in one message where it fits, in frames under credit where the caller takes streams, and
 * collected into one message where the caller does not.
 *
 * I1  A body never exceeds `limits.maxResponseBytes`, nor, for a caller without streams, the size of one message.
 * I2  A stream that broke is reported as broken. `bodySent` is called when every byte was sent.
 */
import { ByteQueue, type ErrorCode, type FunctionConfig, MAX_FRAME_BYTES } from "../../contracts/index.ts";
import { headerValue, type Message, type Nats } from "../../nats/index.ts";
import type { Exchange } from "./exchange.ts";
import { type Reply, replySize } from "./reply-to-message.ts";
import type { ResponseBody, ResponseBodyReceiver } from "./sandbox.ts";
import { readTrailers } from "./trailers.ts";

/** A body that is being sent. */
export interface BodySender {
  /** The head was sent: the caller cannot get another answer. */
  readonly isHeadOut: boolean;
  /** Ends the body; the caller learns that it is not whole. */
  break(code: ErrorCode): void;
}

export type Sent =
  /** The answer is one message. */
  | { kind: "message"; reply: Reply }
  | { kind: "streams"; body: BodySender }
  | { kind: "refused"; code: ErrorCode; why: string };

/** The request that a body answers. */
export interface BodyOwner {
  readonly nats: Nats;
  readonly limits: FunctionConfig["limits"];
  readonly message: Message;
  readonly exchange: Exchange | undefined;
  readonly method: string;
  openBody(body: unknown, receiver: ResponseBodyReceiver): ResponseBody | undefined;
  /** Every byte was sent. */
  bodySent(): void;
  bodyBroke(code: ErrorCode, why: string): void;
  /** The caller needs no more of it. */
  gone(code: string): void;
}

/** `reply`: the head, and the body where it is no stream. `body`: as the sandbox reported it; a number is a stream. */
export function sendBody(request: BodyOwner, reply: Reply, body: unknown): Sent {
  const { exchange, method, limits, nats } = request;
  if (typeof body === "number") {
    if (method === "HEAD") return withoutBody(request, reply, body);
    if (exchange === undefined) return collect(request, reply, body);
    return stream(request, exchange, reply, body);
  }
  const bytes = typeof reply.data === "string" ? Buffer.byteLength(reply.data) : reply.data.byteLength;
  if (bytes > limits.maxResponseBytes) return tooLarge(bytes, limits.maxResponseBytes);
  if (exchange !== undefined && bytes > MAX_FRAME_BYTES && method !== "HEAD")
    return sendWhole(request, exchange, reply);
  const size = replySize(reply);
  if (size <= nats.maxPayload) return { kind: "message", reply };
  const why = `${size} bytes; one message carries ${nats.maxPayload}`;
  return { kind: "refused", code: "RESPONSE_TOO_LARGE", why };
}

/** Answers HEAD: the body is cancelled before it makes a byte. */
function withoutBody(request: BodyOwner, reply: Reply, body: number): Sent {
  request.openBody(body, { onChunk: () => undefined, onEnd: () => undefined })?.cancel();
  return { kind: "message", reply };
}

const NO_STREAM: Sent = { kind: "refused", code: "BAD_REPLY", why: "the body is no stream" };

function stream(request: BodyOwner, exchange: Exchange, reply: Reply, id: number): Sent {
  const { maxResponseBytes } = request.limits;
  let sentBytes = 0;
  const body = request.openBody(id, {
    isBorrower: true,
    onChunk(bytes, done) {
      sentBytes += bytes.byteLength;
      if (sentBytes <= maxResponseBytes) return sender.write(bytes, done);
      body?.cancel();
      const { code, why } = tooLarge(sentBytes, maxResponseBytes);
      request.bodyBroke(code, why);
    },
    onEnd(why, trailers) {
      if (why !== undefined) return request.bodyBroke("HANDLER_THREW", why);
      const announced = announcedLength(reply);
      if (announced === undefined || announced === sentBytes) return sender.end(readTrailers(trailers));
      const mismatch = `the body has ${sentBytes} bytes; its Content-Length says ${announced}`;
      request.bodyBroke("BAD_REPLY", mismatch);
    },
  });
  if (body === undefined) return NO_STREAM;
  const sender = exchange.beginResponse(reply.headers, {
    onCredit: (bytes) => body.grant(bytes),
    onCancel: (code) => request.gone(code),
    onEnded: () => request.bodySent(),
  });
  return {
    kind: "streams",
    body: {
      isHeadOut: true,
      break(code) {
        sender.break(code);
        body.cancel();
      },
    },
  };
}

function announcedLength({ headers }: Reply): number | undefined {
  const text = headerValue(headers, "Content-Length");
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Sends a whole body that is too large for one message. */
function sendWhole(request: BodyOwner, exchange: Exchange, reply: Reply): Sent {
  const bytes = typeof reply.data === "string" ? Buffer.from(reply.data) : reply.data;
  reply.headers.set("Content-Length", [String(bytes.byteLength)]);
  const sender = exchange.beginResponse(reply.headers, {
    onCancel: (code) => request.gone(code),
    onEnded: () => request.bodySent(),
  });
  sender.write(bytes);
  sender.end();
  return { kind: "streams", body: { isHeadOut: true, break: (code) => sender.break(code) } };
}

/** Collects the body for a caller that takes one message only. */
function collect(request: BodyOwner, reply: Reply, id: number): Sent {
  const { nats, limits, message } = request;
  const chunks = new ByteQueue();
  const room = Math.min(nats.maxPayload - replySize(reply), limits.maxResponseBytes);
  const body = request.openBody(id, {
    onChunk(bytes) {
      chunks.push(bytes);
      if (chunks.byteLength <= room) return body?.grant(bytes.byteLength);
      body?.cancel();
      const why = `over ${room} bytes, which one message carries; its caller takes no streams`;
      request.bodyBroke("RESPONSE_TOO_LARGE", why);
    },
    onEnd(why) {
      if (why !== undefined) return request.bodyBroke("HANDLER_THREW", why);
      message.respond(chunks.concat(), reply.headers);
      request.bodySent();
    },
  });
  if (body === undefined) return NO_STREAM;
  body.grant(MAX_FRAME_BYTES);
  return { kind: "streams", body: { isHeadOut: false, break: () => body.cancel() } };
}

function tooLarge(bytes: number, limit: number) {
  const why = `a body of ${bytes} bytes; limits.maxResponseBytes is ${limit}`;
  return { kind: "refused", code: "RESPONSE_TOO_LARGE", why } as const;
}
