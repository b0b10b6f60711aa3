/**
 * Sends the body of a response: in one message where it fits, in frames under credit where the caller takes streams, and
 * collected into one message where the caller does not.
 *
 * I1  A body never exceeds `limits.maxResponseBytes`, nor, for a caller without streams, the size of one message.
 * I2  A stream that broke is reported as broken. `bodySent` is called when every byte was sent.
 */
import { ByteQueue, type ErrorCode, type FunctionConfig, MAX_FRAME_BYTES } from "../../contracts/index.ts";
import type { Exchange } from "./exchange.ts";
import type { Answer } from "./incoming-call.ts";
import type { ResponseBody, ResponseBodyReceiver } from "./sandbox.ts";
import { readTrailers } from "./trailers.ts";

/** A body that is being sent. */
export interface BodySender {
  /** The head was sent: the caller cannot get another answer. */
  readonly isHeadOut: boolean;
  /** Ends the body; the caller learns that it is not whole. */
  break(code: ErrorCode): void;
}

/** The body of an answer: all of it, or the number of a stream. */
export type Content = Uint8Array | string | number;

export type Sent =
  /** The answer goes out whole, with this body. */
  | { kind: "whole"; body: Uint8Array | string }
  | { kind: "streams"; body: BodySender }
  | { kind: "refused"; code: ErrorCode; why: string };

/** The request that a body answers. */
export interface BodyOwner {
  readonly limits: FunctionConfig["limits"];
  readonly method: string;
  readonly maxAnswerBytes: number;
  /** Undefined where the caller takes one message only. */
  openExchange(): Exchange | undefined;
  openBody(body: unknown, receiver: ResponseBodyReceiver): ResponseBody | undefined;
  /** Every byte was sent. */
  bodySent(): void;
  bodyBroke(code: ErrorCode, why: string): void;
  /** The caller needs no more of it. */
  gone(code: string): void;
}

/** Upper bound of the bytes of one UTF-16 unit in UTF-8. */
const MAX_UNIT_BYTES = 3;

export function sendBody(request: BodyOwner, answer: Answer, content: Content): Sent {
  if (typeof content === "number") {
    if (request.method === "HEAD") return withoutBody(request, content);
    const exchange = request.openExchange();
    return exchange === undefined
      ? collect(request, answer, content)
      : stream(request, exchange, answer, content);
  }
  const { maxResponseBytes } = request.limits;
  const { maxAnswerBytes, method } = request;
  const most = typeof content === "string" ? content.length * MAX_UNIT_BYTES : content.byteLength;
  const isSmall = most <= MAX_FRAME_BYTES && most <= maxResponseBytes;
  const bytes = isSmall || typeof content !== "string" ? most : Buffer.byteLength(content);
  if (bytes > maxResponseBytes) return tooLarge(bytes, maxResponseBytes);
  if (bytes > MAX_FRAME_BYTES && method !== "HEAD") {
    const exchange = request.openExchange();
    if (exchange !== undefined) return sendWhole(request, exchange, answer, content);
  }
  const size = answer.size(bytes);
  if (size <= maxAnswerBytes) return { kind: "whole", body: content };
  const why = `${size} bytes; one message carries ${maxAnswerBytes}`;
  return { kind: "refused", code: "RESPONSE_TOO_LARGE", why };
}

/** Answers HEAD: the body is cancelled before it makes a byte. */
function withoutBody(request: BodyOwner, body: number): Sent {
  request.openBody(body, { onChunk: () => undefined, onEnd: () => undefined })?.cancel();
  return { kind: "whole", body: "" };
}

const NO_STREAM: Sent = { kind: "refused", code: "BAD_REPLY", why: "the body is no stream" };

function stream(request: BodyOwner, exchange: Exchange, answer: Answer, id: number): Sent {
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
      const announced = announcedLength(answer);
      if (announced === undefined || announced === sentBytes) return sender.end(readTrailers(trailers));
      const mismatch = `the body has ${sentBytes} bytes; its Content-Length says ${announced}`;
      request.bodyBroke("BAD_REPLY", mismatch);
    },
  });
  if (body === undefined) return NO_STREAM;
  const sender = exchange.beginResponse(answer, {
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

function announcedLength(answer: Answer): number | undefined {
  const text = answer.field("content-length");
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Sends a whole body that is too large for one message. */
function sendWhole(
  request: BodyOwner,
  exchange: Exchange,
  answer: Answer,
  content: Uint8Array | string,
): Sent {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  answer.setLength(bytes.byteLength);
  const sender = exchange.beginResponse(answer, {
    onCancel: (code) => request.gone(code),
    onEnded: () => request.bodySent(),
  });
  sender.write(bytes);
  sender.end();
  return { kind: "streams", body: { isHeadOut: true, break: (code) => sender.break(code) } };
}

/** Collects the body for a caller that takes one message only. */
function collect(request: BodyOwner, answer: Answer, id: number): Sent {
  const chunks = new ByteQueue();
  const room = Math.min(request.maxAnswerBytes - answer.size(0), request.limits.maxResponseBytes);
  const body = request.openBody(id, {
    onChunk(bytes) {
      chunks.push(bytes);
      if (chunks.byteLength <= room) return body?.grant(bytes.byteLength);
      body?.cancel();
      const why = `over ${room} bytes, which one message carries; its caller takes no streams`;
      request.bodyBroke("RESPONSE_TOO_LARGE", why);
    },
    onEnd(why, trailers) {
      if (why !== undefined) return request.bodyBroke("HANDLER_THREW", why);
      answer.send(chunks.concat(), readTrailers(trailers));
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

/** The body of an answer: user input. Undefined where it is neither a text, nor bytes, nor a stream. */
export function contentOf(body: unknown): Content | undefined {
  if (body === undefined) return "";
  if (typeof body === "string" || typeof body === "number") return body;
  return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
}
