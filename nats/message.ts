import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import type { Headers } from "./headers.ts";
import { NO_RESPONDERS_STATUS } from "./jetstream-errors.ts";
import type { Outbox } from "./outbox.ts";
import { textOf } from "./transport/byte-text.ts";
import { type HeaderBlock, readHeaderBlock } from "./transport/header-block.ts";
import type { MessageLine } from "./transport/message-line.ts";
import type { World } from "./world.ts";

/** A message that came. Its parts are made of what came at the first access. */
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
  /** Hears of each answer after it was sent. */
  witness?: Witness | undefined;
  text(): string;
  respond(data: Uint8Array | string, headers?: Headers): void;
}

export interface Witness {
  noteAnswer(data: Uint8Array | string, headers: Headers | undefined): void;
}

/** NATS' own reply to a request: no subscription has its subject, so no handler has seen it. */
export function isNoResponders({ status, data }: Message): boolean {
  return status === NO_RESPONDERS_STATUS && data.length === 0;
}

/** The parts of a connection that its messages need. */
export interface MessageParts {
  readonly outbox: Outbox;
  readonly world: World;
}

const UTF8 = new TextDecoder();

/** A message out of the bytes that the server sent (splitter.ts). */
export class ReadMessage implements Message {
  readonly data: Uint8Array;
  witness: Witness | undefined;
  readonly #parts: MessageParts;
  readonly #head: string;
  readonly #subjectFrom: number;
  readonly #subjectTo: number;
  readonly #replyFrom: number;
  readonly #replyTo: number;
  readonly #blockFrom: number;
  #reply: string | undefined;
  /** `null`: it cannot be read. Undefined: it was not read yet. */
  #block: HeaderBlock | null | undefined;

  constructor(head: string, line: MessageLine, data: Uint8Array, parts: MessageParts) {
    this.data = data;
    this.#parts = parts;
    this.#head = head;
    this.#subjectFrom = line.subjectFrom;
    this.#subjectTo = line.subjectTo;
    this.#replyFrom = line.replyFrom;
    this.#replyTo = line.replyTo;
    this.#blockFrom = line.end;
  }

  get subject(): string {
    return this.#parts.world.fromWire(textOf(this.#head.slice(this.#subjectFrom, this.#subjectTo)));
  }

  get reply(): string | undefined {
    if (this.#replyFrom === this.#replyTo) return undefined;
    this.#reply ??= textOf(this.#head.slice(this.#replyFrom, this.#replyTo));
    return this.#reply;
  }

  get headers(): Headers | undefined {
    return this.#hasBlock ? this.#read()?.headers : undefined;
  }

  get isReadable(): boolean {
    return !this.#hasBlock || this.#read() !== null;
  }

  get status(): number {
    return this.#hasBlock ? (this.#read()?.status ?? 0) : 0;
  }

  text(): string {
    return UTF8.decode(this.data);
  }

  respond(data: Uint8Array | string, headers?: Headers): void {
    const { reply } = this;
    if (reply === undefined) return;
    this.#parts.outbox.respond(reply, data, headers);
    this.witness?.noteAnswer(data, headers);
  }

  get #hasBlock(): boolean {
    return this.#blockFrom < this.#head.length;
  }

  #read(): HeaderBlock | null {
    if (this.#block === undefined) this.#block = readHeaderBlock(this.#head, this.#blockFrom) ?? null;
    return this.#block;
  }
}

/** A message of the client library's own type. */
export class LibraryMessage implements Message {
  witness: Witness | undefined;
  readonly #message: Msg;
  readonly #parts: MessageParts;
  #headers: Headers | undefined;
  #raw: MsgHdrs | undefined;
  #isRead = false;
  #isReadable = true;

  constructor(message: Msg, parts: MessageParts) {
    this.#message = message;
    this.#parts = parts;
  }

  get subject(): string {
    return this.#parts.world.fromWire(this.#message.subject);
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get headers(): Headers | undefined {
    const raw = this.#read();
    if (raw !== undefined) this.#headers ??= new Map(raw);
    return this.#headers;
  }

  get isReadable(): boolean {
    this.#read();
    return this.#isReadable;
  }

  get reply(): string | undefined {
    const { reply } = this.#message;
    return reply === "" ? undefined : reply;
  }

  get status(): number {
    return this.#read()?.code ?? 0;
  }

  text(): string {
    return this.#message.string();
  }

  respond(data: Uint8Array | string, headers?: Headers): void {
    const { reply } = this;
    if (reply === undefined) return;
    this.#parts.outbox.respond(reply, data, headers);
    this.witness?.noteAnswer(data, headers);
  }

  #read(): MsgHdrs | undefined {
    if (this.#isRead) return this.#raw;
    this.#isRead = true;
    try {
      this.#raw = this.#message.headers;
    } catch {
      // The client library throws at the first fault.
      this.#isReadable = false;
    }
    return this.#raw;
  }
}
