/**
 * One exchange with a server, through the host.
 *
 * I1  A short body crosses with the call. A longer body follows under credit, at the server's pace.
 * I2  An abort ends both sides at once: the call, the request's body, the response's body.
 */

import { type AbortSignal, onAbort } from "../dom/abort.ts";
import { encodeUtf8 } from "../encoding/encoding.ts";
import { pieceSource } from "../file/blob.ts";
import type { Data } from "../host/boundary.ts";
import { callHost } from "../host/host-call.ts";
import { type Inbound, openInbound } from "../host/inbound.ts";
import type { ByteSource } from "../host/inbound-stream.ts";
import { sendStream } from "../host/send-stream.ts";
import type { Bytes, Outgoing } from "./body.ts";
import type { FetchStep } from "./redirect.ts";

export interface Answer {
  status: number;
  statusText: string;
  headerBlock: string;
  body: string | ArrayBuffer | Inbound | undefined;
}

export interface Exchange {
  /** Rejects with a `HostFailure`, or with the error of the request's body. */
  readonly answer: Promise<Answer>;
  cancel(reason: unknown): void;
}

/** The host's answer. A body that is a number is the id of a stream. */
type HostAnswer = Omit<Answer, "body"> & { body: string | ArrayBuffer | number | undefined };

/** Upper bound of the characters of a text that crosses with the call. A text has at most three bytes per character. */
const MAX_WHOLE_LENGTH = 64 * 1024;

/** `via`: the host's operation, and its arguments before the request. Default: the network. */
export function beginExchange(
  {
    method,
    url,
    headerBlock,
    body,
  }: Pick<FetchStep, "method" | "headerBlock" | "body"> & {
    url: Pick<FetchStep["url"], "href">;
  },
  via: readonly [operation: string, ...values: Data[]] = ["fetch.send"],
): Exchange {
  const [operation, ...values] = via;
  const broken = isWhole(body) ? undefined : Promise.withResolvers<never>();
  broken?.promise.catch(() => undefined);
  const sent = body === undefined ? undefined : sendBody(body, (error) => broken?.reject(error));
  const call = callHost(operation, ...values, method, url.href, headerBlock, sent?.value, sent?.length);
  const result = broken === undefined ? call.result : Promise.race([call.result, broken.promise]);
  return {
    answer: result.then((value) => openAnswer(value as HostAnswer)),
    cancel(reason) {
      // The call ends first: the end of the body must not look complete.
      call.cancel((value) => {
        const { body: late } = openAnswer(value as HostAnswer);
        if (isStream(late)) late.cancel();
      });
      sent?.cancel(reason);
    },
  };
}

/** Whether no part of a body can break on its way. */
function isWhole(body: Outgoing | undefined): boolean {
  return body === undefined || typeof body.content === "string" || body.content instanceof Uint8Array;
}

function openAnswer({ body, ...head }: HostAnswer): Answer {
  return { ...head, body: typeof body === "number" ? openInbound(body) : body };
}

/** Whether a body is under way. */
export function isStream(body: Answer["body"]): body is Inbound {
  return typeof body === "object" && !(body instanceof ArrayBuffer);
}

interface SentBody {
  value: string | ArrayBuffer | number;
  length: number | undefined;
  cancel(reason: unknown): void;
}

function sendBody({ content, length }: Outgoing, onBroken: (error: unknown) => void): SentBody {
  if (typeof content === "string") {
    if (content.length <= MAX_WHOLE_LENGTH)
      return { value: content, length: undefined, cancel: () => undefined };
    return sendBytes(encodeUtf8(content));
  }
  if (content instanceof Uint8Array) return sendBytes(content);
  const source: ByteSource = {
    read: () =>
      content.read().catch((error: unknown) => {
        onBroken(error);
        throw error;
      }),
    cancel: (reason) => content.cancel(reason),
  };
  return { value: sendStream(source), length, cancel: (reason) => content.cancel(reason) };
}

function sendBytes(bytes: Bytes): SentBody {
  const cancel = () => undefined;
  const { byteLength } = bytes;
  if (byteLength > MAX_WHOLE_LENGTH)
    return { value: sendStream(pieceSource([bytes])), length: byteLength, cancel };
  const isWhole = byteLength === bytes.buffer.byteLength;
  return { value: isWhole ? bytes.buffer : bytes.slice().buffer, length: undefined, cancel };
}

/** A response's body. An abort of the request ends it with the signal's reason. */
export function untilAborted(
  body: Answer["body"],
  signal: AbortSignal,
): string | ArrayBuffer | ByteSource | undefined {
  if (body === undefined || body === "") return body;
  if (isStream(body)) return abortable(body, signal);
  if (typeof body === "string") return abortableBytes(encodeUtf8(body).buffer, signal);
  return body.byteLength === 0 ? body : abortableBytes(body, signal);
}

function abortable(body: Inbound, signal: AbortSignal): ByteSource {
  // Not a race with one promise for all reads: that promise would keep a part of every read until the end.
  let rejectRead: ((reason: unknown) => void) | undefined;
  let tell: ((why: unknown) => void) | undefined;
  const forget = onAbort(signal, () => {
    body.cancel();
    rejectRead?.(signal.reason);
    tell?.(signal.reason);
  });
  return {
    read() {
      const { promise, resolve, reject } = Promise.withResolvers<Bytes | undefined>();
      if (signal.aborted) reject(signal.reason);
      else {
        rejectRead = reject;
        body.read().then((bytes) => {
          if (bytes === undefined) forget();
          resolve(bytes);
        }, reject);
      }
      return promise;
    },
    cancel() {
      forget();
      body.cancel();
    },
    onBroken(listener) {
      if (signal.aborted) return listener(signal.reason);
      tell = listener;
      body.onBroken(listener);
    },
  };
}

/** Like `abortable`, for a body that has already arrived. It follows the signal only after its first read. */
function abortableBytes(buffer: ArrayBuffer, signal: AbortSignal): ByteSource {
  const source = pieceSource([new Uint8Array(buffer)]);
  let forget: () => void = () => undefined;
  return {
    async read() {
      if (signal.aborted) throw signal.reason;
      const bytes = await source.read();
      if (bytes === undefined) forget();
      return bytes;
    },
    cancel() {
      forget();
      source.cancel();
    },
    onBroken(listener) {
      if (signal.aborted) listener(signal.reason);
      else forget = onAbort(signal, () => listener(signal.reason));
    },
  };
}
