import { type Frame, formatFrame, headerNames, parseFrame } from "../contracts/index.ts";
import type { Message } from "../nats/index.ts";
import { type Headers, headerValue } from "../nats/index.ts";

/** How a side of a stream sends a frame to the other. */
export type SendFrame = (frame: Headers, data: Uint8Array | string) => void;

/** How it sends bytes of a body: they stay as they are until they have left, when `onSent` is called. */
export type SendData = (seq: number, bytes: Uint8Array, onSent?: () => void) => void;

export function frameHeaders(frame: Frame): Headers {
  return new Map([[headerNames.frame, [formatFrame(frame)]]]);
}

/** The frame that a message is; undefined where it is none. */
export function frameOf(message: Message): Frame | undefined {
  const value = headerValue(message.headers, headerNames.frame);
  return value === undefined ? undefined : parseFrame(value);
}
