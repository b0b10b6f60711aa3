/** The link over NATS: each frame is a message with the field `Narun-Frame` (docs/wire.md, "Streams"). */
import { type Frame, formatFrame, headerNames, parseFrame } from "../contracts/index.ts";
import { type Headers, headerValue, type Message, type Nats } from "../nats/index.ts";
import type { Link } from "./link.ts";

/** `addFields` adds to the headers of a message. It does not see messages with bytes of a body. Default: it adds none. */
export function natsLink(
  nats: Nats,
  subject: string,
  addFields: (headers: Headers) => void = () => undefined,
): Link {
  return {
    send(frame, payload, done, trailers) {
      if (frame.kind === "data" && typeof payload !== "string")
        return nats.sendData(subject, frame.seq, payload, done);
      // Timers and listeners may still end a stream of a closed connection.
      if (nats.state === "closed") return;
      // The frame is set last: no trailer may say otherwise.
      const headers: Headers = new Map(trailers ?? []);
      headers.set(headerNames.frame, [formatFrame(frame)]);
      addFields(headers);
      nats.publish(subject, payload, headers);
    },
  };
}

/** The frame of a message; undefined where the message is none. */
export function frameOf(message: Message): Frame | undefined {
  const value = headerValue(message.headers, headerNames.frame);
  return value === undefined ? undefined : parseFrame(value);
}
