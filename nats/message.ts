import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import type { Headers } from "./headers.ts";
import { NO_RESPONDERS_STATUS } from "./jetstream-errors.ts";
import type { Outbox } from "./outbox.ts";
import type { World } from "./world.ts";

/** A message that came. Its headers are parsed at the first access. */
export interface Message {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Headers | undefined;
  /**
   * Whether all header fields can be read. Other clients can send an invalid name, as one with a space: then
   * `headers` is undefined.
   */
  readonly isReadable: boolean;
  readonly reply: string | undefined;
  /** NATS' own status of a reply: 503 says that the subject has no subscription. */
  readonly status: number;
  text(): string;
  respond(data: Uint8Array | string, headers?: Headers): void;
}

/** NATS' own reply to a request: no subscription has its subject, so no handler has seen it. */
export function isNoResponders({ status, data }: Message): boolean {
  return status === NO_RESPONDERS_STATUS && data.length === 0;
}

/** The parts of a connection that its messages need. */
export interface MessageParts {
  readonly outbox: Outbox;
  readonly world: World;
  /** Reads the header fields of the client library's own type. */
  readHeaders(headers: MsgHdrs): Headers;
}

/** From the client library's own type. */
export function toMessage(message: Msg, { outbox, world, readHeaders }: MessageParts): Message {
  let raw: MsgHdrs | undefined;
  let headers: Headers | undefined;
  let isParsed = false;
  let isReadable = true;
  const parse = (): MsgHdrs | undefined => {
    if (isParsed) return raw;
    isParsed = true;
    try {
      raw = message.headers;
    } catch {
      // The client library throws at the first fault.
      isReadable = false;
    }
    return raw;
  };
  return {
    get subject() {
      return world.fromWire(message.subject);
    },
    data: message.data,
    get headers() {
      if (headers !== undefined) return headers;
      const found = parse();
      headers = found === undefined ? undefined : readHeaders(found);
      return headers;
    },
    get isReadable() {
      parse();
      return isReadable;
    },
    reply: message.reply,
    get status() {
      return parse()?.code ?? 0;
    },
    text: () => message.string(),
    respond: (data, responseHeaders) => {
      if (message.reply === undefined || message.reply === "") return;
      outbox.publish(message.reply, data, { headers: responseHeaders });
    },
  };
}
