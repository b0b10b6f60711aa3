import { createHeaders, type Headers } from "./headers.ts";
import { isNoResponders, type Message } from "./message.ts";
import type { Requester } from "./requester.ts";

export interface RequestOptions {
  timeoutMs: number;
  headers?: Headers;
}

/**
 * A request that got no answer. `no-responders`: the subject has no subscription, so no handler has seen the request.
 */
export class NoReplyError extends Error {
  override readonly name = "NoReplyError";
  readonly reason: "no-responders" | "timeout" | "disconnected";
  constructor(reason: NoReplyError["reason"], subject: string) {
    super(`no reply on ${subject}: ${reason}`);
    this.reason = reason;
  }
}

interface OneRequest extends RequestOptions {
  subject: string;
  data: Uint8Array | string;
}

export interface RequestParts extends Pick<Requester, "send"> {
  isClosed(): boolean;
  /** Returns the function that forgets the listener. */
  onClosed(listener: () => void): () => void;
}

/**
 * One reply, by our own inbox: the client library's inbox waits for ever for a reply with header fields that it
 * cannot read.
 */
export function requestOnce(
  { send, isClosed, onClosed }: RequestParts,
  { subject, data, timeoutMs, headers = createHeaders() }: OneRequest,
): Promise<Message> {
  if (isClosed()) return Promise.reject(new NoReplyError("disconnected", subject));
  const { promise, resolve, reject } = Promise.withResolvers<Message>();
  const fail = (reason: NoReplyError["reason"]) => reject(new NoReplyError(reason, subject));
  const onReply = (reply: Message) => {
    if (isNoResponders(reply)) fail("no-responders");
    else resolve(reply);
  };
  let pending: ReturnType<typeof send>;
  try {
    pending = send(subject, data, headers, onReply, reject);
  } catch (error) {
    return Promise.reject(error);
  }
  const timer = setTimeout(() => fail("timeout"), Math.max(1, timeoutMs));
  const stopListening = onClosed(() => fail("disconnected"));
  return promise.finally(() => {
    clearTimeout(timer);
    stopListening();
    pending.release();
  });
}
