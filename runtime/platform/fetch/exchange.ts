/**
 * One exchange with a server, by way of the host.
 *
 * I1  A body that is short crosses with the call; any other follows under credit, as the server takes it.
 * I2  What is aborted ends on both sides at once: the call, the request's body, the response's body.
 */
import { type AbortSignal, onAbort } from "../dom/abort.ts";
import { encodeUtf8 } from "../encoding.ts";
import { errorText } from "../error-text.ts";
import { callHost } from "../host-call.ts";
import { type Inbound, openInbound } from "../inbound.ts";
import type { ByteSource } from "../inbound-stream.ts";
import { openOutbound } from "../outbound.ts";
import type { Outgoing } from "./body.ts";
import type { FetchStep } from "./redirect.ts";

export interface Answer {
  status: number;
  statusText: string;
  headerBlock: string;
  body: ArrayBuffer | Inbound | undefined;
}

export interface Exchange {
  /** Rejects with a `HostFailure`, or with what broke the request's body. */
  readonly answer: Promise<Answer>;
  cancel(): void;
}

/** What the host answers; a body that is a number is the id of a stream. */
type HostAnswer = Omit<Answer, "body"> & { body: ArrayBuffer | number | undefined };

/** A text of so many characters has at most three times as many bytes. */
const MAX_WHOLE_LENGTH = 64 * 1024;

export function beginExchange({ method, url, headerBlock, body }: FetchStep): Exchange {
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  const sent = body === undefined ? undefined : sendBody(body, broken.reject);
  const call = callHost("fetch.send", method, url.href, headerBlock, sent?.value, sent?.length);
  return {
    answer: Promise.race([call.result, broken.promise]).then((value) => openAnswer(value as HostAnswer)),
    cancel() {
      call.cancel((value) => {
        const { body: late } = openAnswer(value as HostAnswer);
        if (late !== undefined && !(late instanceof ArrayBuffer)) late.cancel();
      });
      sent?.cancel();
    },
  };
}

function openAnswer({ body, ...head }: HostAnswer): Answer {
  return { ...head, body: typeof body === "number" ? openInbound(body) : body };
}

interface SentBody {
  value: string | ArrayBuffer | number;
  length: number | undefined;
  cancel(): void;
}

function sendBody({ content, length }: Outgoing, onBroken: (error: unknown) => void): SentBody {
  if (typeof content === "string" && content.length <= MAX_WHOLE_LENGTH)
    return { value: content, length: undefined, cancel: () => undefined };
  if (content instanceof Uint8Array && content.byteLength <= MAX_WHOLE_LENGTH) {
    const isWhole = content.byteLength === content.buffer.byteLength;
    const value = isWhole ? content.buffer : content.slice().buffer;
    return { value, length: undefined, cancel: () => undefined };
  }
  if (typeof content !== "string" && !(content instanceof Uint8Array))
    return sendSource(content, length, onBroken);
  const bytes = typeof content === "string" ? encodeUtf8(content) : content;
  let rest: typeof bytes | undefined = bytes;
  const source: ByteSource = {
    async read() {
      const all = rest;
      rest = undefined;
      return all;
    },
    cancel: () => undefined,
  };
  return sendSource(source, bytes.byteLength, onBroken);
}

function sendSource(
  source: ByteSource,
  length: number | undefined,
  onBroken: (error: unknown) => void,
): SentBody {
  const outbound = openOutbound();
  let isOver = false;
  const cancel = () => {
    if (isOver) return;
    isOver = true;
    source.cancel();
    outbound.fail("the exchange was aborted");
  };
  void outbound.cancelled.then(cancel);
  const pump = async () => {
    try {
      for (await outbound.ready(); outbound.isOpen; await outbound.ready()) {
        const bytes = await source.read();
        if (bytes === undefined) {
          isOver = true;
          return outbound.end();
        }
        await outbound.write(bytes);
      }
    } catch (error) {
      isOver = true;
      onBroken(error);
      outbound.fail(errorText(error));
    }
  };
  void pump();
  return { value: outbound.id, length, cancel };
}

/** A response's body that ends with the signal's reason when the request is aborted. */
export function abortable(body: Inbound, signal: AbortSignal): ByteSource {
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  let tell: ((why: unknown) => void) | undefined;
  const forget = onAbort(signal, () => {
    body.cancel();
    aborted.reject(signal.reason);
    tell?.(signal.reason);
  });
  return {
    async read() {
      const bytes = await Promise.race([aborted.promise, body.read()]);
      if (bytes === undefined) forget();
      return bytes;
    },
    cancel() {
      forget();
      body.cancel();
    },
    onBroken(listener) {
      tell = listener;
      body.onBroken(listener);
    },
  };
}
