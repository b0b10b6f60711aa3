import type { Msg } from "@nats-io/transport-node";
import { fromMsgHeaders, type Headers } from "./headers.ts";
import type { Outbox } from "./outbox.ts";
import type { World } from "./world.ts";

/** A message that came, with its headers read only where somebody asks for them. */
export interface Message {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Headers | undefined;
  readonly reply: string | undefined;
  /** NATS' own status of a reply: 503 says that nobody subscribes to the subject. */
  readonly status: number;
  text(): string;
  respond(data: Uint8Array | string, headers?: Headers): void;
}

/** From the client library's own type. */
export function toMessage(message: Msg, outbox: Outbox, world: World): Message {
  let headers: Headers | undefined;
  let isParsed = false;
  return {
    get subject() {
      return world.fromWire(message.subject);
    },
    data: message.data,
    get headers() {
      if (!isParsed) {
        headers = fromMsgHeaders(message.headers);
        isParsed = true;
      }
      return headers;
    },
    reply: message.reply,
    get status() {
      return message.headers?.code ?? 0;
    },
    text: () => message.string(),
    respond: (data, responseHeaders) => {
      if (message.reply === undefined || message.reply === "") return;
      outbox.publish(message.reply, data, { headers: responseHeaders });
    },
  };
}
