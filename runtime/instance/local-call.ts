/** Requests that come over the socket of a host process, from a gateway of the same machine (local/). */
import {
  type ErrorCode,
  encodeError,
  encodeReply,
  type Frame,
  isRequestId,
  MAX_SOCKET_BODY_BYTES,
  type RequestHead,
  readRequestHead,
  requestFlags,
} from "../../contracts/index.ts";
import type { LocalRequest, RequestReceiver } from "../../local/index.ts";
import type { Lease, Ledger, Nats, NotedRequest, RequestCounter } from "../../nats/index.ts";
import { type FramePort, SocketChannel } from "../../streams/index.ts";
import { bodyOf } from "./body-of.ts";
import { blockOfRequest, fieldsOfBlock } from "./header-block.ts";
import type { Answer, FrameTaker, IncomingCall } from "./incoming-call.ts";
import { urlOf } from "./request-url.ts";
import { type ResponseBlock, readResponseBlock } from "./response-block.ts";
import type { IncomingRequest } from "./sandbox.ts";

/** The books of an instance, in which its requests stand whatever carries them. */
export interface LocalBooks {
  readonly nats: Pick<Nats, "maxPayload">;
  readonly ledger: Pick<Ledger, "note">;
  readonly counter: RequestCounter;
}

/** Opens a request that came; undefined where it does not begin. */
export function openLocalCall(request: LocalRequest, books: LocalBooks): IncomingCall | undefined {
  const head = readRequestHead(request.head);
  if (head === undefined) {
    request.fail("BAD_REQUEST");
    return undefined;
  }
  const noted = books.ledger.note(request.prefix, request.number);
  if (noted !== undefined) return new LocalCall(request, head, noted, books);
  // Its gateway was told that it never came.
  request.finish();
  return undefined;
}

const NO_BYTES = new Uint8Array(0);

class LocalCall implements IncomingCall, RequestReceiver, FramePort {
  readonly #request: LocalRequest;
  readonly #head: RequestHead;
  readonly #noted: NotedRequest;
  readonly #books: LocalBooks;
  readonly #count: (error?: string) => void;
  #taker: FrameTaker | undefined;
  #channel: SocketChannel | undefined;
  #onEnd: (() => void) | undefined;
  #isOver = false;

  constructor(request: LocalRequest, head: RequestHead, noted: NotedRequest, books: LocalBooks) {
    this.#request = request;
    this.#head = head;
    this.#noted = noted;
    this.#books = books;
    this.#count = books.counter.begin();
    request.receiver = this;
  }

  get hasStreamedBody(): boolean {
    return (this.#request.flags & STREAMED_BODY) === STREAMED_BODY;
  }

  get isUpgrade(): boolean {
    return (this.#request.flags & UPGRADE) === UPGRADE;
  }

  get data(): Uint8Array {
    const { body } = this.#request;
    return typeof body === "string" ? Buffer.from(body) : (body ?? NO_BYTES);
  }

  get maxAnswerBytes(): number {
    return Math.min(this.#books.nats.maxPayload, MAX_SOCKET_BODY_BYTES);
  }

  get channel(): SocketChannel | undefined {
    if ((this.#request.flags & requestFlags.streams) === 0) return undefined;
    this.#channel ??= new SocketChannel(this);
    return this.#channel;
  }

  read(service: string, mostMs: number): IncomingRequest {
    const { body, hops } = this.#request;
    const { method, host, requestId, block } = this.#head;
    const timeoutMs = Math.min(this.#request.timeoutMs, mostMs);
    return {
      requestId: isRequestId(requestId) ? requestId : crypto.randomUUID(),
      method,
      url: urlOf(this.#head, service),
      headerBlock: blockOfRequest(block, host, this.isUpgrade),
      body: body && bodyOf(body),
      hops,
      timeoutMs,
      deadline: Date.now() + timeoutMs,
    };
  }

  listen(taker: FrameTaker): void {
    this.#taker = taker;
  }

  answer(status: number, headerBlock: string): Answer | undefined {
    const read = readResponseBlock(headerBlock);
    return read && new LocalAnswer(this.#request, this.#noted, status, read);
  }

  fail(code: ErrorCode, limit: number | undefined): void {
    const isSent = this.#request.fail(code, limit);
    if (isSent && !this.#noted.mayGetLost) this.#noted.noteHead();
    else this.#noted.noteAnswer("", encodeError(code, limit), true);
  }

  over(error: string | undefined): void {
    this.#isOver = true;
    this.#request.finish();
    this.#noted.end();
    this.#count(error);
  }

  onFrame(frame: Frame, payload: Uint8Array, trailers: string, lease: Lease): void {
    if (this.#taker === undefined || this.#isOver) return;
    if (this.#channel !== undefined) this.#channel.receive({ frame, payload, trailers, lease }, this.#taker);
    // Without an exchange only a cancel and a drain have a meaning.
    else this.#taker.receive(frame, { data: NO_BYTES, headers: undefined });
  }

  send(frame: Frame, payload: Uint8Array | string, done: (() => void) | undefined, trailers: string): void {
    this.#request.frame(frame, payload, done, trailers);
  }

  follow(listener: () => void): () => void {
    this.#onEnd = listener;
    return () => {
      this.#onEnd = undefined;
    };
  }

  /** A request whose answer does not stream goes on: its gateway may ask for the answer over NATS. */
  onEnd(): void {
    this.#onEnd?.();
  }
}

const UPGRADE = requestFlags.streams | requestFlags.upgrade;
const STREAMED_BODY = requestFlags.streams | requestFlags.streamedBody;

class LocalAnswer implements Answer {
  readonly #request: LocalRequest;
  readonly #noted: NotedRequest;
  readonly #status: number;
  readonly #fields: ResponseBlock;
  #length = "";

  constructor(request: LocalRequest, noted: NotedRequest, status: number, fields: ResponseBlock) {
    this.#request = request;
    this.#noted = noted;
    this.#status = status;
    this.#fields = fields;
  }

  field(name: "content-type" | "content-length"): string | undefined {
    return name === "content-type" ? this.#fields.contentType : this.#fields.contentLength;
  }

  setLength(bytes: number): void {
    if (this.#fields.contentLength === undefined) this.#length = `content-length\n${bytes}\n`;
  }

  size(bodyBytes: number): number {
    return this.#fields.block.length + bodyBytes;
  }

  send(body: Uint8Array | string): void {
    const { block } = this.#fields;
    const isSent = this.#request.respond(this.#status, block, body);
    // A message is made of an answer that may get lost alone.
    if (isSent && !this.#noted.mayGetLost) this.#noted.noteHead();
    else this.#noted.noteAnswer(body, encodeReply(this.#status, fieldsOfBlock(block)), true);
  }

  begin(): void {
    this.#request.begin(this.#status, this.#fields.block + this.#length);
    this.#noted.noteHead();
  }
}
