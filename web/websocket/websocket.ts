/**
 * WebSockets in the form of worker platforms: a handler makes a pair, keeps one end and answers with the other
 * (`new Response(null, { status: 101, webSocket })`), which becomes the client's end.
 *
 * I1  Messages to an end wait until it is accepted, by `accept()` or as the answer.
 * I2  Messages arrive in the order of sending, each by a task of its own. Nothing arrives after a close.
 * I3  A close is answered: both ends are closed when each has received the other's close.
 */

import { DOMException } from "../dom/dom-exception.ts";
import { Event } from "../dom/event.ts";
import { defineEventHandlers } from "../dom/event-handlers.ts";
import { CloseEvent } from "../dom/event-kinds.ts";
import { dispatchTrusted, EventTarget } from "../dom/event-target.ts";
import { MessageEvent } from "../dom/messaging.ts";
import { encodeUtf8 } from "../encoding/encoding.ts";
import { createBlob, isBlob } from "../file/blob.ts";
import {
  asInterface,
  conversions,
  defineConstants,
  requireArguments,
  toEnum,
  toUSVString,
} from "../webidl/webidl.ts";
import { isSendableCloseCode } from "./close-code.ts";

/** The data of a message. No other code has its bytes. */
export type SocketData = string | ArrayBuffer;

/** The destination of an end's messages. */
export interface SocketSink {
  message(data: SocketData): void;
  close(code: number, reason: string): void;
  /** Bytes that have not yet left. */
  bufferedAmount(): number;
}

const State = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
const CONSTRUCTOR_KEY = Symbol("constructor key");

/** RFC 6455, section 7.1.5: the close had no code. */
const NO_STATUS = 1005;
const MAX_REASON_BYTES = 123;

/** Makes an end the answer to a request. Messages to it go to `sink`. Throws if the end is already in use. */
export let attachSocket: (socket: WebSocket, sink: SocketSink) => SocketPeer;
export let isWebSocket: (value: unknown) => value is WebSocket;

/** The other end of an attached socket, which receives from the client. */
export interface SocketPeer {
  message(data: SocketData): void;
  close(code: number, reason: string, wasClean: boolean): void;
}

type Arrival = { data: SocketData } | { code: number; reason: string; wasClean: boolean };

/** The other end of each socket of a pair. */
const partners = new WeakMap<WebSocket, WebSocket>();
/** The client's sink, by both ends of a pair that was given as an answer. It holds the unsent messages. */
const buffered = new WeakMap<WebSocket, SocketSink>();
let joinSockets: (a: WebSocket, b: WebSocket) => void;

export class WebSocket extends EventTarget {
  declare onopen: unknown;
  declare onmessage: unknown;
  declare onclose: unknown;
  declare onerror: unknown;

  #state: number = State.CONNECTING;
  #binaryType: "arraybuffer" | "blob" = "arraybuffer";
  #sink: SocketSink | undefined;
  /** Arrivals from before the end was accepted. */
  #waiting: Arrival[] | undefined = [];
  /** Set when this end belongs to the client. Arrivals go there. */
  #client: SocketSink | undefined;

  constructor(constructorKey: unknown = undefined) {
    if (constructorKey !== CONSTRUCTOR_KEY)
      throw new DOMException(
        "WebSocket: a function makes no connections of its own; new WebSocketPair() answers with one",
        "NotSupportedError",
      );
    super();
  }

  get readyState(): number {
    return this.#state;
  }

  get url(): string {
    return "";
  }

  get protocol(): string {
    return "";
  }

  get extensions(): string {
    return "";
  }

  get bufferedAmount(): number {
    return this.#sink?.bufferedAmount() ?? 0;
  }

  get binaryType(): "arraybuffer" | "blob" {
    return this.#binaryType;
  }

  set binaryType(value: "arraybuffer" | "blob") {
    this.#binaryType = toEnum(value, ["arraybuffer", "blob"] as const, "WebSocket.binaryType");
  }

  /** Starts delivery. Earlier arrivals are delivered now. */
  accept(): void {
    if (this.#client !== undefined)
      throw new TypeError("WebSocket.accept: this end was given away as an answer");
    if (this.#waiting === undefined) return;
    const arrived = this.#waiting;
    this.#waiting = undefined;
    if (this.#state === State.CONNECTING) this.#state = State.OPEN;
    for (const arrival of arrived) this.#deliver(arrival);
  }

  send(data: unknown): void {
    requireArguments(arguments.length, 1, "WebSocket.send");
    if (isBlob(data)) throw new TypeError("WebSocket.send: a Blob is sent as `await blob.arrayBuffer()`");
    const copy = copyOf(data);
    if (this.#waiting !== undefined)
      throw new DOMException("WebSocket.send: call accept() first", "InvalidStateError");
    if (this.#state === State.OPEN) this.#sink?.message(copy);
  }

  close(code: unknown = undefined, reason: unknown = undefined): void {
    const status = code === undefined ? NO_STATUS : conversions["unsigned short"](code, { clamp: true });
    const text = reason === undefined ? "" : toUSVString(reason);
    if (code !== undefined && !isSendableCloseCode(status))
      throw new DOMException(
        `WebSocket.close: ${status} cannot be sent: a code is 1000 to 1003, 1007 to 1014, or 3000 to 4999`,
        "InvalidAccessError",
      );
    if (encodeUtf8(text).byteLength > MAX_REASON_BYTES)
      throw new DOMException(
        `WebSocket.close: a reason has at most ${MAX_REASON_BYTES} bytes`,
        "SyntaxError",
      );
    if (this.#state >= State.CLOSING) return;
    this.#state = State.CLOSING;
    this.#sink?.close(status, text);
  }

  /** Takes an arrival from the other end. */
  #arrive(arrival: Arrival): void {
    if (this.#client !== undefined) forward(arrival, this.#client);
    else if (this.#waiting === undefined) this.#deliver(arrival);
    else this.#waiting.push(arrival);
  }

  #deliver(arrival: Arrival): void {
    if (this.#state === State.CLOSED) return;
    if ("data" in arrival) {
      if (this.#state === State.OPEN)
        dispatchTrusted(this, new MessageEvent("message", { data: this.#shown(arrival.data) }));
      return;
    }
    const { code, reason, wasClean } = arrival;
    const isAnswer = this.#state === State.CLOSING;
    this.#state = State.CLOSED;
    if (!isAnswer) this.#sink?.close(code, reason);
    if (!wasClean) dispatchTrusted(this, new Event("error"));
    dispatchTrusted(this, new CloseEvent("close", { code, reason, wasClean }));
  }

  #shown(data: SocketData): unknown {
    if (typeof data === "string" || this.#binaryType === "arraybuffer") return data;
    return createBlob([new Uint8Array(data)], "");
  }

  static {
    isWebSocket = (value): value is WebSocket =>
      typeof value === "object" && value !== null && #sink in value;
    attachSocket = (socket, sink) => {
      const other = partners.get(socket);
      if (socket.#client !== undefined || other === undefined)
        throw new TypeError("Response: this webSocket has been given as an answer before");
      if (socket.#waiting === undefined)
        throw new TypeError("Response: the webSocket of an answer must not be accepted: give the other end");
      const sent = socket.#waiting;
      socket.#client = sink;
      socket.#waiting = undefined;
      for (const arrival of sent) forward(arrival, sink);
      for (const one of [socket, other]) buffered.set(one, sink);
      return {
        message: (data) => other.#arrive({ data }),
        close: (code, reason, wasClean) => other.#arrive({ code, reason, wasClean }),
      };
    };
    joinSockets = (a, b) => {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        partners.set(from, to);
        from.#sink = {
          // By a task of its own, so that the sender continues first.
          message: (data) => void Promise.resolve().then(() => to.#arrive({ data })),
          close: (code, reason) =>
            void Promise.resolve().then(() => to.#arrive({ code, reason, wasClean: true })),
          bufferedAmount: () => buffered.get(from)?.bufferedAmount() ?? 0,
        };
      }
    };
  }
}

asInterface("WebSocket", WebSocket);
defineConstants(WebSocket, State);
defineEventHandlers(WebSocket.prototype, ["open", "message", "close", "error"]);

/** The two ends of one socket, as `0` and `1`. */
export class WebSocketPair {
  readonly 0: WebSocket;
  readonly 1: WebSocket;

  constructor() {
    this[0] = new WebSocket(CONSTRUCTOR_KEY);
    this[1] = new WebSocket(CONSTRUCTOR_KEY);
    joinSockets(this[0], this[1]);
  }
}

asInterface("WebSocketPair", WebSocketPair);

function forward(arrival: Arrival, sink: SocketSink): void {
  if ("data" in arrival) sink.message(arrival.data);
  else sink.close(arrival.code, arrival.reason);
}

/** A copy of sent data: its owner may change it, and a view shows only a part of its buffer. */
function copyOf(data: unknown): SocketData {
  if (data instanceof ArrayBuffer) return data.slice(0);
  if (ArrayBuffer.isView(data)) {
    const bytes = new Uint8Array(data.byteLength);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return bytes.buffer;
  }
  return toUSVString(data);
}
