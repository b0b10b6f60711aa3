/**
 * A WebSocket between an isolate and its client: messages in frames, both ways, under credit.
 *
 * I1  A message has `MAX_SOCKET_MESSAGE_BYTES` at most, either way: a larger one closes the socket for both sides
 *     alike (1009), and is a line of the log.
 * I2  The client is given credit again when the isolate has taken a message: a slow function slows its clients.
 * I3  The isolate may send again as much as has left for the client; until then its messages wait with the isolate.
 *     An isolate that sends more has tampered with its platform: the socket breaks.
 * I4  A side that did not begin the end is told once. Messages that wait for a client that has closed are dropped.
 */
import {
  MAX_SOCKET_MESSAGE_BYTES,
  SOCKET_FRAME_OVERHEAD_BYTES,
  SOCKET_TOO_BIG,
} from "../../contracts/index.ts";
import {
  CreditWindow,
  type IncomingExchange,
  type StreamEnd,
  type StreamReceiver,
  type StreamSender,
  WINDOW_BYTES,
} from "../../streams/index.ts";

export interface Socket {
  /** Sends a message of the isolate to the client. */
  message(data: string | ArrayBuffer): void;
  /** The isolate closes the socket. */
  close(code: number, reason: string): void;
  readonly isHeadOut: true;
  /** The socket cannot go on: the asker is told, and the isolate. */
  break(code: string): void;
}

export interface SocketOptions {
  /** `onTaken`: to be called when the isolate has taken the message. */
  onMessage(data: string | ArrayBuffer, onTaken: () => void): void;
  /** The isolate may send so much more. */
  onCredit(bytes: number): void;
  /** The client has closed, or is gone. */
  onClose(code: number, reason: string, wasClean: boolean): void;
  /** Both sides have closed. */
  onOver(): void;
  /** The socket cannot go on, for a reason of the asker's side. */
  onBroken(code: string): void;
  /** The isolate, or the client, broke a rule, and the socket ends of it. */
  onMisuse(code: "SOCKET_MESSAGE_TOO_LARGE" | "BAD_REPLY", why: string): void;
}

/** RFC 6455, section 7.4.1. */
const CloseCode = { noStatus: 1005, abnormal: 1006 } as const;

/** Cost of a message beside its bytes; the isolate counts the same. */
const MESSAGE_OVERHEAD_BYTES = 64;

/** Answers by `sendHead`, and connects the isolate with the client. */
export function createSocket({
  exchange,
  sendHead,
  ...options
}: SocketOptions & { exchange: IncomingExchange; sendHead: () => void }): Socket {
  return new OpenSocket(exchange, sendHead, options);
}

class OpenSocket implements Socket {
  readonly isHeadOut = true;
  readonly #options: SocketOptions;
  readonly #sender: StreamSender;
  readonly #receiver: StreamReceiver;
  readonly #clientWindow: CreditWindow;
  readonly #isolateWindow: CreditWindow;
  /** The message that has not come whole. */
  #fragments: Uint8Array[] = [];
  #size = 0;
  #hasClosed = false;
  #hasToldClose = false;

  constructor(exchange: IncomingExchange, sendHead: () => void, options: SocketOptions) {
    this.#options = options;
    this.#sender = exchange.beginResponse(sendHead, {
      onCredit: () => this.#payBack(),
      // A cancel of the asker ends the exchange, see `onGone`.
      onCancel: () => undefined,
      onEnded: () => {
        if (this.#hasToldClose) options.onOver();
      },
    });
    this.#receiver = exchange.receiveBody({
      onData: () => undefined,
      onMessage: (kind, bytes, hasMore) => this.#takeFragment(kind, bytes, hasMore),
      onEnd: (end) => this.#onClientEnd(end),
    });
    this.#clientWindow = new CreditWindow(WINDOW_BYTES, (bytes) => this.#receiver.grant(bytes));
    this.#isolateWindow = new CreditWindow(WINDOW_BYTES, options.onCredit);
    this.#clientWindow.open();
    this.#isolateWindow.open();
  }

  message(data: string | ArrayBuffer): void {
    if (this.#hasClosed) return;
    const bytes = typeof data === "string" ? Buffer.from(data) : new Uint8Array(data);
    if (bytes.byteLength > MAX_SOCKET_MESSAGE_BYTES) {
      this.#endTooBig(`the function sent a message of ${bytes.byteLength} bytes`);
      return;
    }
    if (this.#isolateWindow.available <= 0) {
      this.#options.onMisuse("BAD_REPLY", "a message was sent that there was no room for");
      this.#options.onBroken("BAD_REPLY");
      return;
    }
    const cost = MESSAGE_OVERHEAD_BYTES + (typeof data === "string" ? data.length : data.byteLength);
    this.#isolateWindow.received(cost);
    this.#isolateWindow.owe(cost);
    this.#sender.message(typeof data === "string" ? "text" : "binary", bytes);
    this.#payBack();
  }

  close(code: number, reason: string): void {
    if (this.#hasClosed) return;
    this.#hasClosed = true;
    this.#sender.close(code, reason);
  }

  break(code: string): void {
    this.#sender.break(code);
    this.#hasClosed = true;
    this.#tellClose(CloseCode.abnormal, "", false);
  }

  #takeFragment(kind: "text" | "binary", bytes: Uint8Array, hasMore: boolean): void {
    this.#size += bytes.byteLength;
    if (this.#size > MAX_SOCKET_MESSAGE_BYTES) {
      this.#endTooBig(`the client sent a message of ${this.#size} bytes or more`);
      return;
    }
    const consumed = () => this.#clientWindow.consumed(bytes.byteLength + SOCKET_FRAME_OVERHEAD_BYTES);
    if (hasMore) {
      this.#fragments.push(new Uint8Array(bytes));
      consumed();
      return;
    }
    this.#options.onMessage(dataOf(kind, this.#join(bytes)), consumed);
  }

  /** The whole message, whose last fragment has come. */
  #join(last: Uint8Array): Uint8Array {
    const fragments = this.#fragments;
    const size = this.#size;
    this.#size = 0;
    if (fragments.length === 0) return last;
    this.#fragments = [];
    return Buffer.concat([...fragments, last], size);
  }

  #onClientEnd(end: StreamEnd): void {
    if (end.kind === "broken") {
      this.#options.onBroken(end.code);
      return;
    }
    const code = Number(end.code) || CloseCode.noStatus;
    // The gateway has seen the beginning of the message, and closes in the client's place.
    const isTooBig = code === SOCKET_TOO_BIG.code && end.reason === SOCKET_TOO_BIG.reason;
    if (isTooBig) this.#logTooBig(`the client sent a message of more than ${MAX_SOCKET_MESSAGE_BYTES} bytes`);
    this.#tellClose(code, end.reason, !isTooBig);
    this.#closeNow(code, end.reason);
  }

  /** Tells the isolate once that the client has closed. */
  #tellClose(code: number, reason: string, wasClean: boolean): void {
    if (this.#hasToldClose) return;
    this.#hasToldClose = true;
    this.#options.onClose(code, reason, wasClean);
  }

  /** Drops the messages that wait, and sends the end at once: the client reads nothing more. */
  #closeNow(code: number, reason: string): void {
    this.#sender.drop();
    this.close(code, reason);
    this.#options.onOver();
  }

  #endTooBig(what: string): void {
    this.#logTooBig(what);
    const { code, reason } = SOCKET_TOO_BIG;
    this.#tellClose(code, reason, false);
    this.#receiver.cancel("SOCKET_MESSAGE_TOO_LARGE");
    this.#closeNow(code, reason);
  }

  #logTooBig(what: string): void {
    this.#options.onMisuse(
      "SOCKET_MESSAGE_TOO_LARGE",
      `${what}; the limit is ${MAX_SOCKET_MESSAGE_BYTES} bytes, and no key changes it`,
    );
  }

  /** The isolate may send as much again as has left for the client. */
  #payBack(): void {
    if (this.#sender.waitingBytes === 0) this.#isolateWindow.settle();
  }
}

function dataOf(kind: "text" | "binary", bytes: Uint8Array): string | ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  return kind === "text"
    ? Buffer.from(buffer, byteOffset, byteLength).toString()
    : new Uint8Array(bytes).buffer;
}
