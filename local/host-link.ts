/**
 * The connection of a gateway to one host process: opened again whenever it breaks, for as long as it is held.
 *
 * I1  It is used only after the host has answered the hello with the machine of the address.
 * I2  A reply goes to the receiver that sent the request with its number on this connection. A host that sends any other reply,
 *     or a malformed frame, breaks the rules, and its connection ends.
 * I3  Each receiver hears the whole response, an error, or the end of the connection; never two of them.
 * I4  A host that leaves has answered or refused every request of the connection when it ends it.
 */
import {
  type ErrorCode,
  type Frame,
  type FrameBody,
  formatFrame,
  type GatewayHello,
  HostHelloSchema,
  isErrorCode,
  MAX_HELLO_BYTES,
  NumberTable,
  parseFrame,
  parseJson,
  readErrorFrame,
  readResponseFrame,
  readStreamFrame,
  requestFlags,
  socketFrames,
} from "../contracts/index.ts";
import { type Backoff, createBackoff } from "../machine/index.ts";
import { FrameConnection, type FrameLease } from "./frame-connection.ts";
import { ReleasedNumbers } from "./released-numbers.ts";

/** Hears the replies to one request. The body of a whole response is its own; a text of the same process stays one. */
export interface ReplyReceiver {
  /** The whole response. The request is over. */
  onResponse(status: number, block: string, body: FrameBody): void;
  /** The head of a streamed response: frames follow. */
  onHead(status: number, block: string): void;
  /** An error of the catalogue. The request is over. */
  onError(code: ErrorCode, limit: number | undefined): void;
  /** A frame of a stream. The payload is valid during the call, and while it is held. `trailers`: a block, or empty. */
  onFrame(frame: Frame, payload: Uint8Array, trailers: string, lease: FrameLease): void;
  /** The connection broke: nothing more will come. */
  onEnd(): void;
}

/** A request as it leaves. */
export interface LinkRequest {
  /** The number of the instance in its host process. */
  instance: number;
  /** Bits of `requestFlags`. */
  flags: number;
  hops: number;
  timeoutMs: number;
  /** See `formatRequestHead`. */
  head: string;
  body: FrameBody;
}

/** The way of requests to instances of one process. */
export interface RequestLink {
  /** Whether a request can be sent now. */
  readonly isOpen: boolean;
  /**
   * Sends a request. Its number was never used on this connection before. Returns false where it was not sent: the connection
   * is not open, or the request fits into no frame. The receiver hears nothing before it returns.
   */
  request(number: number, request: LinkRequest, receiver: ReplyReceiver): boolean;
  /**
   * Sends a frame of a request that is under way. A large payload stays as it is until it has left, when `done` is called.
   * `trailers`: a block.
   */
  frame(number: number, frame: Frame, payload: FrameBody, done?: () => void, trailers?: string): void;
  /**
   * Resolves when the other side has taken or refused every request that was sent before, and all that it wrote until then was
   * read; also when the connection ends, and after 5 s.
   */
  flush(): Promise<void>;
  /** The receiver hears no more: it gave the request up, or its stream is over. Nothing where the request is over. */
  release(number: number): void;
}

export interface HostLinkOptions {
  path: string;
  hello: GatewayHello;
  warn(fields: object, message: string): void;
}

/** How long a host may take for its hello. */
const HELLO_MS = 5_000;
/** How long after the end of a working connection it is opened again. */
const REOPEN_MS = 50;
/** The pauses after a connection that could not be opened, or whose host broke a rule. */
const RETRY = { firstMs: 100, maxMs: 30_000, forgetAfterMs: 60_000 };
/** How long a host may take to answer a ping. A host that is stopped never does. */
const PING_MS = 5_000;
/** Upper bound of the bytes that wait for a host that does not read. Beyond it, requests go another way. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
const NO_BYTES = new Uint8Array(0);

export class HostLink implements RequestLink {
  readonly #options: HostLinkOptions;
  readonly #backoff: Backoff = createBackoff(RETRY);
  readonly #receivers = new NumberTable<ReplyReceiver>();
  /** The requests whose body is streamed: their host may send frames beside the answer. */
  readonly #streamed = new Set<number>();
  /** By their numbers, in their order. */
  readonly #pings = new Map<number, () => void>();
  #lastPing = 0;
  #released = new ReleasedNumbers();
  #connection: FrameConnection | undefined;
  #isGreeted = false;
  #isLeft = false;
  #isRetired = false;
  #isWarned = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HostLinkOptions) {
    this.#options = options;
    this.#open();
  }

  get isOpen(): boolean {
    return this.#isGreeted && !this.#isLeft && (this.#connection?.unsentBytes ?? 0) < MAX_UNSENT_BYTES;
  }

  /** How many requests are under way on it. */
  get size(): number {
    return this.#receivers.size;
  }

  request(number: number, request: LinkRequest, receiver: ReplyReceiver): boolean {
    const connection = this.#connection;
    if (connection === undefined || !this.isOpen) return false;
    const { instance, flags, hops, timeoutMs, head, body } = request;
    try {
      connection.batch.request(number, instance, flags, hops, timeoutMs, head, body);
    } catch {
      return false;
    }
    this.#receivers.set(number, receiver);
    if ((flags & requestFlags.streamedBody) !== 0) this.#streamed.add(number);
    connection.send();
    return true;
  }

  frame(number: number, frame: Frame, payload: FrameBody, done?: () => void, trailers = ""): void {
    const connection = this.#connection;
    if (connection === undefined || !this.#receivers.has(number)) return;
    connection.batch.stream(number, formatFrame(frame), trailers, payload);
    connection.send(done);
  }

  flush(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || !this.#isGreeted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, PING_MS).unref();
    const number = ++this.#lastPing;
    this.#pings.set(number, () => {
      clearTimeout(timer);
      resolve();
    });
    // A host that leaves ends the connection soon.
    if (!this.#isLeft) {
      connection.batch.ping(number);
      connection.send();
    }
    return promise;
  }

  release(number: number): void {
    if (!this.#receivers.delete(number)) return;
    this.#released.add(number, this.#streamed.delete(number));
    this.#closeIfIdle();
  }

  /** The connection ends with its last request, and is not opened again. */
  retire(): void {
    this.#isRetired = true;
    this.#closeIfIdle();
  }

  /** Ends the connection. */
  close(): void {
    this.#isRetired = true;
    clearTimeout(this.#timer);
    this.#connection?.close("the gateway closed it");
  }

  #open(): void {
    const { path, hello } = this.#options;
    const connection = FrameConnection.open(
      path,
      {
        take: (type, number, bytes, start, end) =>
          this.#connection === connection && this.#take(connection, type, number, bytes, start, end),
        onError: (error) => this.#options.warn({ error }, "a receiver of a reply failed"),
        onEnd: (reason, isViolation) => this.#onEnd(reason, isViolation),
      },
      () => {
        connection.batch.hello(JSON.stringify(hello));
        connection.send();
      },
    );
    this.#connection = connection;
    this.#timer = setTimeout(() => connection.close("the host did not answer"), HELLO_MS).unref();
  }

  #onEnd(reason: string, isViolation: boolean): void {
    clearTimeout(this.#timer);
    const hasWorked = this.#isGreeted && !isViolation;
    this.#connection = undefined;
    this.#isGreeted = false;
    this.#isLeft = false;
    this.#released = new ReleasedNumbers();
    if (isViolation && !this.#isWarned) {
      this.#isWarned = true;
      const { path } = this.#options;
      this.#options.warn({ path, reason }, "a host broke the rules of its socket: requests go over NATS");
    }
    if (!this.#isRetired) {
      const pauseMs = hasWorked ? REOPEN_MS : this.#backoff.fail(performance.now());
      this.#timer = setTimeout(() => this.#open(), pauseMs).unref();
    }
    const receivers = this.#receivers.values();
    this.#receivers.clear();
    this.#streamed.clear();
    for (const receiver of receivers) receiver.onEnd();
    const pings = [...this.#pings.values()];
    this.#pings.clear();
    for (const resolve of pings) resolve();
  }

  /** Returns false where the frame breaks a rule. */
  #take(
    connection: FrameConnection,
    type: number,
    number: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    if (!this.#isGreeted) return this.#greet(type, bytes, start, end);
    const receiver = this.#receivers.get(number);
    switch (type) {
      case socketFrames.response: {
        const response = readResponseFrame(bytes, start, end);
        if (response === undefined) return false;
        if (receiver === undefined) return this.#released.expects(number, true);
        this.#finish(number);
        receiver.onResponse(
          response.status,
          response.block,
          connection.splitter.keep(response.bodyStart, end),
        );
        this.#closeIfIdle();
        return true;
      }
      case socketFrames.head: {
        const head = readResponseFrame(bytes, start, end);
        if (head === undefined || head.bodyStart !== end) return false;
        receiver?.onHead(head.status, head.block);
        break;
      }
      case socketFrames.error: {
        const error = readErrorFrame(bytes, start, end);
        if (error === undefined || !isErrorCode(error.code)) return false;
        if (receiver === undefined) return this.#released.expects(number, true);
        this.#finish(number);
        receiver.onError(error.code, error.limit);
        this.#closeIfIdle();
        return true;
      }
      case socketFrames.stream: {
        const stream = readStreamFrame(bytes, start, end);
        const frame = stream && parseFrame(stream.text);
        if (stream === undefined || frame === undefined) return false;
        const { payloadStart, trailers } = stream;
        const payload = payloadStart === end ? NO_BYTES : bytes.subarray(payloadStart, end);
        receiver?.onFrame(frame, payload, trailers, connection.splitter.lease);
        break;
      }
      case socketFrames.ping:
        return start === end && this.#onPing(number);
      case socketFrames.leave:
        return start === end && this.#onLeave(connection);
      default:
        return false;
    }
    return receiver !== undefined || this.#released.expects(number, false);
  }

  #finish(number: number): void {
    this.#receivers.delete(number);
    if (this.#streamed.size > 0 && this.#streamed.delete(number)) this.#released.add(number, true);
  }

  #onPing(number: number): boolean {
    const [first] = this.#pings;
    if (first?.[0] !== number) return false;
    this.#pings.delete(number);
    first[1]();
    return true;
  }

  #onLeave(connection: FrameConnection): boolean {
    if (this.#isLeft) return false;
    this.#isLeft = true;
    connection.batch.leave();
    connection.send();
    return true;
  }

  #closeIfIdle(): void {
    if (this.#isRetired && this.#receivers.size === 0) this.close();
  }

  #greet(type: number, bytes: Buffer, start: number, end: number): boolean {
    if (type !== socketFrames.hello || end - start > MAX_HELLO_BYTES) return false;
    const hello = parseJson(bytes.toString("utf8", start, end), HostHelloSchema);
    this.#isGreeted = hello?.machine === this.#options.hello.machine;
    if (!this.#isGreeted) this.#connection?.close("another machine answered");
    else clearTimeout(this.#timer);
    return true;
  }
}
