/**
 * The server's end of a WebSocket in a handler of this process, with the interface of `WebSocket`.
 *
 * I1  Messages of the client wait until `accept()`. `upgradeWebSocket` accepts by itself when its listeners can be there.
 * I2  Messages to the client wait here without credit: a slow client fills memory that `bufferedAmount` shows.
 * I3  `close` comes once: after the client's close, or after the client has answered the handler's.
 */
/** The side of the instance. */
export interface SocketLine {
  message(data: string | ArrayBuffer): void;
  close(code: number, reason: string): void;
}

type Data = string | ArrayBuffer | ArrayBufferView;
type Listener = ((event: never) => void) | null;

interface Arrived {
  data: string | ArrayBuffer;
  onTaken(): void;
}

/** Cost of a message beside its bytes, as the instance counts it (instance/socket.ts). */
const MESSAGE_OVERHEAD_BYTES = 64;
/** RFC 6455, section 7.4.1: no code was sent. */
const NO_STATUS = 1005;
const MAX_REASON_BYTES = 123;

export class ServerSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly url = "";
  readonly protocol = "";
  readonly extensions = "";
  binaryType: "arraybuffer" | "blob" = "arraybuffer";
  onopen: Listener = null;
  onmessage: Listener = null;
  onclose: Listener = null;
  onerror: Listener = null;
  #readyState: 0 | 1 | 2 | 3 = 0;
  #isAccepted = false;
  #line: SocketLine | undefined;
  #credit = 0;
  #bufferedAmount = 0;
  readonly #leaving: (string | ArrayBuffer)[] = [];
  readonly #arrived: Arrived[] = [];
  #closing: { code: number; reason: string } | undefined;

  get readyState(): number {
    return this.#readyState;
  }

  /** Bytes that wait for the client. */
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  /** Begins to deliver messages. */
  accept(): void {
    if (this.#isAccepted) return;
    this.#isAccepted = true;
    this.#deliver();
  }

  send(data: Data): void {
    if (this.#readyState >= 2) return;
    const own = typeof data === "string" ? data : copyOf(data);
    this.#leaving.push(own);
    this.#bufferedAmount += sizeOf(own);
    this.#flush();
  }

  close(code?: number, reason = ""): void {
    if (code !== undefined && !isSendableCloseCode(code))
      throw new DOMException("The code of a close is 1000, or 3000 to 4999", "InvalidAccessError");
    if (Buffer.byteLength(reason) > MAX_REASON_BYTES)
      throw new DOMException(`The reason of a close has ${MAX_REASON_BYTES} bytes at most`, "SyntaxError");
    if (this.#readyState >= 2) return;
    this.#readyState = 2;
    this.#closing = { code: code ?? NO_STATUS, reason };
    this.#flush();
  }

  /** The upgrade was sent: the client can be reached. */
  connect(line: SocketLine): void {
    this.#line = line;
    if (this.#readyState === 0) this.#readyState = 1;
    this.#fire(new Event("open"), this.onopen);
    this.#flush();
  }

  /** The client's message. */
  receive(data: string | ArrayBuffer, onTaken: () => void): void {
    if (this.#readyState === 3) onTaken();
    else this.#arrived.push({ data, onTaken });
    this.#deliver();
  }

  grant(bytes: number): void {
    this.#credit += bytes;
    this.#flush();
  }

  /** The client has closed, or is gone. */
  end(code: number, reason: string, wasClean: boolean): void {
    if (this.#readyState === 3) return;
    this.#readyState = 3;
    for (const { onTaken } of this.#arrived.splice(0)) onTaken();
    this.#leaving.length = 0;
    if (!wasClean) this.#fire(new Event("error"), this.onerror);
    this.#fire(new CloseEvent("close", { code, reason, wasClean }), this.onclose);
  }

  #deliver(): void {
    while (this.#isAccepted) {
      const next = this.#arrived.shift();
      if (next === undefined) return;
      const data =
        typeof next.data === "string" || this.binaryType === "arraybuffer"
          ? next.data
          : new Blob([next.data]);
      this.#fire(new MessageEvent("message", { data }), this.onmessage);
      next.onTaken();
    }
  }

  #flush(): void {
    const line = this.#line;
    if (line === undefined) return;
    while (this.#credit > 0) {
      const next = this.#leaving.shift();
      if (next === undefined) break;
      this.#credit -= MESSAGE_OVERHEAD_BYTES + (typeof next === "string" ? next.length : next.byteLength);
      this.#bufferedAmount -= sizeOf(next);
      line.message(next);
    }
    if (this.#closing === undefined || this.#leaving.length > 0) return;
    const { code, reason } = this.#closing;
    this.#closing = undefined;
    line.close(code, reason);
  }

  #fire(event: Event, handler: Listener): void {
    // A listener that throws is reported by the process, as by any other event target.
    if (handler !== null) this.addEventListener(event.type, handler as never, { once: true });
    this.dispatchEvent(event);
  }
}

/** RFC 6455, section 7.4.2. */
function isSendableCloseCode(code: number): boolean {
  return code === 1000 || (code >= 3000 && code <= 4999);
}

function sizeOf(data: string | ArrayBuffer): number {
  return typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
}

function copyOf(data: ArrayBuffer | ArrayBufferView): ArrayBuffer {
  const view = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  return new Uint8Array(view).buffer;
}
