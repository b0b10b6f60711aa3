/** A request to a service's own subject as binary HTTP, and the answer to it (docs/wire.md, "Binary HTTP over NATS"). */
import {
  BHTTP_CONTENT_TYPE,
  createHeaders,
  type DecodedBhttpReply,
  type DecodedReply,
  decodeBhttpReply,
  decodeReply,
  decodeRequest,
  encodeBhttpRequest,
  encodeReply,
  type FieldReading,
  type Headers,
  headerNames,
  isServiceError,
  NarunError,
} from "../contracts/index.ts";
import { headerValue, isNoResponders, type Message } from "../nats/index.ts";
import type { Answer, Reply } from "./carrier.ts";

/** The headers of a request that binary HTTP has no place for. Consumers of the original toolkit do not look at them. */
const BESIDE_BHTTP = [
  headerNames.requestId,
  headerNames.deadline,
  headerNames.timeout,
  headerNames.world,
  headerNames.hops,
];

/** The message of a request that has the headers of header mode. Error: the code with which the request is refused. */
export function bhttpMessage(
  headers: Headers,
  data: Uint8Array,
  service: string,
): { headers: Headers; data: Uint8Array } {
  const encoded = encodeBhttpRequest(decodeRequest({ headers, data }, service), data);
  if (!encoded.ok) throw new NarunError(encoded.code);
  const beside = createHeaders([["Content-Type", BHTTP_CONTENT_TYPE]]);
  for (const name of BESIDE_BHTTP) {
    const values = headers.get(name);
    if (values !== undefined) beside.set(name, values);
  }
  return { headers: beside, data: encoded.data };
}

/** Reads the answer to a request in binary HTTP. */
export function readBhttpAnswer(message: Message): Answer {
  if (!message.isReadable) return { kind: "unreadable" };
  if (isNoResponders(message)) return { kind: "no-responders" };
  if (isServiceError(message.headers)) return { kind: "reply", reply: new ServiceErrorReply(message) };
  const read = decodeBhttpReply(message.data, READING);
  return read.ok ? { kind: "reply", reply: new BhttpReply(read.message) } : { kind: "unreadable" };
}

const READING: FieldReading = { names: "lower", omitted: new Set(["content-length", "x-request-id"]) };

/** Consumers that take only binary HTTP refuse all other messages with this error of NATS Micro, before their handler. */
const NOT_DECODED = "Failed to decode BHTTP request";

/** Whether the answer to a request in header mode says that its consumer takes only binary HTTP. */
export function wantsBhttp({ headers, data }: Message): boolean {
  return data.byteLength === 0 && headerValue(headers, headerNames.serviceError) === NOT_DECODED;
}

class BhttpReply implements Reply {
  readonly isError = false;
  readonly #reply: DecodedBhttpReply;

  constructor(reply: DecodedBhttpReply) {
    this.#reply = reply;
  }

  get data(): Uint8Array {
    return this.#reply.content;
  }

  read(): DecodedReply {
    return { ...this.#reply, fields: [...this.#reply.fields] };
  }

  headers(): Headers {
    return encodeReply(this.#reply.status, this.#reply.fields) ?? createHeaders();
  }
}

/** An error of NATS Micro: the consumer could not read the request, or failed to write its answer. */
class ServiceErrorReply implements Reply {
  readonly isError = true;
  readonly #message: Message;

  constructor(message: Message) {
    this.#message = message;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  read(): DecodedReply {
    return decodeReply(this.#message, READING);
  }

  headers(): Headers {
    return new Map(this.#message.headers ?? []);
  }
}
