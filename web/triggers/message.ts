/** The messages that handlers get: `Message` of a subscription or a stream, `MessageBatch` of a stream. */
import type { DecodeUtf8, MessageHead } from "./body.ts";

/** A handler's verdict on a message. */
export type Verdict = "ack" | { retry: { delaySeconds?: number } } | null;

const JSON_TYPE = /^\s*application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;
const TEXT_TYPE = /^\s*text\//i;

export class Message {
  readonly id: string;
  readonly subject: string;
  readonly timestamp: Date;
  /** The number of this delivery, from 1. */
  readonly attempts: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly #data: Uint8Array<ArrayBuffer>;
  readonly #decode: DecodeUtf8;
  #body: { value: unknown } | undefined;
  #verdict: Verdict = null;

  constructor(head: MessageHead, data: Uint8Array<ArrayBuffer>, decode: DecodeUtf8) {
    this.id = head.id;
    this.subject = head.subject;
    this.timestamp = new Date(head.timestamp);
    this.attempts = head.attempts;
    this.headers = head.headers;
    this.#data = data;
    this.#decode = decode;
  }

  /**
   * By its `Content-Type`: the value of its JSON, a text, or bytes. Without one: the value where the data is JSON, else the text
   * where it is UTF-8, else the bytes.
   */
  get body(): unknown {
    this.#body ??= { value: this.#read() };
    return this.#body.value;
  }

  text(): string {
    return this.#decode(this.#data);
  }

  json(): unknown {
    return JSON.parse(this.text());
  }

  /** A copy: it may be changed. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#data.slice();
  }

  ack(): void {
    this.#verdict ??= "ack";
  }

  retry(options?: { delaySeconds?: number }): void {
    this.#verdict ??= { retry: delayOf(options) };
  }

  #read(): unknown {
    const name = Object.keys(this.headers).find((one) => one.toLowerCase() === "content-type");
    const type = name === undefined ? undefined : this.headers[name]?.[0];
    if (type === undefined) return this.#guess();
    if (JSON_TYPE.test(type)) return this.json();
    return TEXT_TYPE.test(type) ? this.text() : this.bytes();
  }

  #guess(): unknown {
    const text = this.text();
    try {
      return JSON.parse(text);
    } catch {
      // Bytes that are no UTF-8 have the replacement character in their text.
      return text.includes("\ufffd") ? this.bytes() : text;
    }
  }

  static verdictOf(message: Message): Verdict {
    return message.#verdict;
  }
}

export class MessageBatch {
  /** The stream. */
  readonly queue: string;
  readonly messages: readonly Message[];
  #verdict: Verdict = null;

  constructor(queue: string, messages: readonly Message[]) {
    this.queue = queue;
    this.messages = messages;
  }

  /** All messages that have no verdict of their own. */
  ackAll(): void {
    this.#verdict ??= "ack";
  }

  retryAll(options?: { delaySeconds?: number }): void {
    this.#verdict ??= { retry: delayOf(options) };
  }

  static verdictsOf(batch: MessageBatch): Verdict[] {
    return batch.messages.map((message) => Message.verdictOf(message) ?? batch.#verdict);
  }
}

function delayOf(options: { delaySeconds?: number } | undefined): { delaySeconds?: number } {
  const delaySeconds = options?.delaySeconds;
  if (delaySeconds === undefined) return {};
  if (typeof delaySeconds !== "number" || !(delaySeconds >= 0) || delaySeconds === Number.POSITIVE_INFINITY)
    throw new TypeError("retry: delaySeconds is a number of seconds, 0 or more");
  return { delaySeconds };
}
