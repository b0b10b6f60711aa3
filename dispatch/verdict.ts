import { headerNames } from "../contracts/index.ts";
import { headerValue, isNoResponders, type Message } from "../nats/index.ts";

/**
 * What a reply means for the request. The first two prove that nobody has begun to handle it; a `stream` is an answer
 * whose body follows in frames, a `frame` is about the body of the request or of such an answer.
 */
export type ReplyVerdict = "no-responders" | "draining" | "answer" | "stream" | "frame" | "unreadable";

export function readVerdict(message: Message): ReplyVerdict {
  if (!message.isReadable) return "unreadable";
  if (isNoResponders(message)) return "no-responders";
  if (headerValue(message.headers, headerNames.error) === "INSTANCE_DRAINING") return "draining";
  if (message.headers?.has(headerNames.frame)) return "frame";
  return message.headers?.has(headerNames.stream) ? "stream" : "answer";
}
