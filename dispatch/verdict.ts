import { headerNames, headerValue } from "../contracts/index.ts";
import { isNoResponders, type Message } from "../nats/index.ts";

/**
 * The meaning of a reply for its request. The first two prove that no handler began the request. A `stream` is an answer whose
 * body follows in frames. A `frame` belongs to the body of the request or of such an answer.
 */
export type ReplyVerdict = "no-responders" | "draining" | "answer" | "stream" | "frame" | "unreadable";

export function readVerdict(message: Message): ReplyVerdict {
  if (!message.isReadable) return "unreadable";
  if (isNoResponders(message)) return "no-responders";
  if (headerValue(message.headers, headerNames.error) === "INSTANCE_DRAINING") return "draining";
  if (message.headers?.has(headerNames.frame)) return "frame";
  return message.headers?.has(headerNames.stream) ? "stream" : "answer";
}
