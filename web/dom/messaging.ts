/**
 * Message channels (HTML, "channel messaging"). Both ends are in one isolate.
 *
 * I1  A message is cloned when it is posted. Messages are delivered in order, each by a task of its own.
 * I2  Messages wait until the port is started. They move with the port when it is transferred.
 * I3  After `close` neither end takes messages. Messages that were posted before are still delivered.
 */

import { registerCloneRule } from "../cloning/clone-rules.ts";
import { cloneWithTransfer, toTransferList } from "../cloning/structured-clone.ts";
import { showFields } from "../console/inspection.ts";
import {
  asInterface,
  isObject,
  requireArguments,
  toDictionary,
  toDOMString,
  toSequence,
  toUSVString,
} from "../webidl/webidl.ts";
import { DOMException } from "./dom-exception.ts";
import { Event, type EventInit, showEvent } from "./event.ts";
import { defineEventHandlers } from "./event-handlers.ts";
import { dispatchTrusted, EventTarget } from "./event-target.ts";
import { queueTask } from "./tasks.ts";

export interface MessageEventInit extends EventInit {
  data?: unknown;
  origin?: string;
  lastEventId?: string;
  source?: object | null;
  ports?: Iterable<MessagePort>;
}

/** `MessageEvent` of HTML. */
export class MessageEvent extends Event {
  #data: unknown;
  #origin: string;
  #lastEventId: string;
  #source: object | null;
  #ports: readonly MessagePort[];

  constructor(type: unknown, init: MessageEventInit | undefined = undefined) {
    requireArguments(arguments.length, 1, "MessageEvent");
    super(type, init);
    const options = toDictionary(init, "MessageEvent: the init");
    const { data = null, lastEventId = "", origin = "", ports, source } = options;
    this.#data = data;
    this.#lastEventId = toDOMString(lastEventId);
    this.#origin = toUSVString(origin);
    this.#ports = toPorts(ports);
    this.#source = toSource(source);
  }

  get data(): unknown {
    return this.#data;
  }

  get origin(): string {
    return this.#origin;
  }

  get lastEventId(): string {
    return this.#lastEventId;
  }

  get source(): object | null {
    return this.#source;
  }

  get ports(): readonly MessagePort[] {
    return this.#ports;
  }

  initMessageEvent(
    type: unknown,
    bubbles: unknown = false,
    cancelable: unknown = false,
    data: unknown = null,
    origin: unknown = "",
    lastEventId: unknown = "",
    source: unknown = null,
    ports: unknown = [],
  ): void {
    requireArguments(arguments.length, 1, "MessageEvent.initMessageEvent");
    this.initEvent(type, bubbles, cancelable);
    this.#data = data;
    this.#origin = toUSVString(origin);
    this.#lastEventId = toDOMString(lastEventId);
    this.#source = toSource(source);
    this.#ports = toPorts(ports);
  }
}

function toPorts(value: unknown): readonly MessagePort[] {
  const ports = value === undefined ? [] : [...toSequence(value, "MessageEvent: the ports")];
  for (const port of ports) if (!isMessagePort(port)) throw new TypeError("MessageEvent: not a MessagePort");
  return Object.freeze(ports as MessagePort[]);
}

function toSource(value: unknown): object | null {
  if (value === undefined || value === null) return null;
  if (!isMessagePort(value)) throw new TypeError("MessageEvent: the source is not a MessagePort");
  return value;
}

interface Message {
  readonly data: unknown;
  readonly ports: readonly MessagePort[];
}

/** One end of a channel. It outlives the port objects: a transfer moves it to a new one. */
interface End {
  /** Undefined after either end was closed. */
  other: End | undefined;
  /** The port object that has this end now. */
  port: MessagePort | undefined;
  waiting: Message[];
  isStarted: boolean;
}

/** The key with which the platform makes a port. User code has no key. */
const CONSTRUCTOR_KEY = Symbol("constructor key");

let endOf: (port: MessagePort) => End | undefined;
let setEnd: (port: MessagePort, end: End | undefined) => void;
let isMessagePort: (value: unknown) => value is MessagePort;

/** `MessagePort` of HTML. */
export class MessagePort extends EventTarget {
  /** Undefined after a transfer or close. */
  #end: End | undefined;
  /** Defined below the class, like all event handlers. */
  declare onmessage: unknown;
  declare onmessageerror: unknown;
  declare onclose: unknown;

  constructor(constructorKey: unknown = undefined) {
    if (constructorKey !== CONSTRUCTOR_KEY) throw new TypeError("Illegal constructor");
    super();
  }

  static {
    endOf = (port) => port.#end;
    setEnd = (port, end) => {
      port.#end = end;
      if (end !== undefined) end.port = port;
    };
    isMessagePort = (value): value is MessagePort =>
      typeof value === "object" && value !== null && #end in value;
  }

  postMessage(message: unknown, options: unknown = undefined): void {
    const end = this.#end;
    requireArguments(arguments.length, 1, "MessagePort.postMessage");
    const transfer = transferOf(options);
    if (transfer.includes(this)) throw new DOMException("A port cannot transfer itself", "DataCloneError");
    const target = end?.other;
    const isDoomed = target?.port !== undefined && transfer.includes(target.port);
    const { value, transferred } = cloneWithTransfer(message, transfer);
    if (target === undefined || isDoomed) return;
    target.waiting.push({ data: value, ports: transferred.filter(isMessagePort) });
    if (target.isStarted) queueTask(() => deliver(target));
  }

  start(): void {
    const end = this.#end;
    if (end === undefined || end.isStarted) return;
    end.isStarted = true;
    for (const _ of end.waiting) queueTask(() => deliver(end));
  }

  close(): void {
    const end = this.#end;
    if (end === undefined) return;
    // The end keeps the port: waiting messages are still delivered.
    this.#end = undefined;
    const { other } = end;
    end.other = undefined;
    if (other === undefined) return;
    other.other = undefined;
    queueTask(() => other.port && dispatchTrusted(other.port, new Event("close")));
  }
}

asInterface("MessageEvent", MessageEvent);
showEvent(MessageEvent, "MessageEvent", ({ data, ports }) => ({ data, ports }));
asInterface("MessagePort", MessagePort);
// Setting `onmessage` starts the port, `addEventListener` does not.
defineEventHandlers(MessagePort.prototype, ["message"], (port) => (port as MessagePort).start());
defineEventHandlers(MessagePort.prototype, ["messageerror", "close"]);

registerCloneRule<MessagePort>(MessagePort.prototype, {
  is: isMessagePort,
  refuseTransfer: (port) =>
    endOf(port) === undefined ? "A port that was closed or transferred cannot be transferred" : undefined,
  transfer: (port) => {
    const end = endOf(port);
    const successor = new MessagePort(CONSTRUCTOR_KEY);
    setEnd(port, undefined);
    if (end !== undefined) end.isStarted = false;
    setEnd(successor, end);
    return successor;
  },
});

/** `MessageChannel` of HTML. */
export class MessageChannel {
  readonly #port1 = new MessagePort(CONSTRUCTOR_KEY);
  readonly #port2 = new MessagePort(CONSTRUCTOR_KEY);

  constructor() {
    const one: End = { other: undefined, port: undefined, waiting: [], isStarted: false };
    const two: End = { other: one, port: undefined, waiting: [], isStarted: false };
    one.other = two;
    setEnd(this.#port1, one);
    setEnd(this.#port2, two);
  }

  get port1(): MessagePort {
    return this.#port1;
  }

  get port2(): MessagePort {
    return this.#port2;
  }
}

asInterface("MessageChannel", MessageChannel);
showFields(MessageChannel, "MessageChannel", ({ port1, port2 }) => ({ port1, port2 }));

/** The second argument of `postMessage`: a list, or options that have one. */
function transferOf(options: unknown): object[] {
  if (options === undefined || options === null) return [];
  const isList = isObject(options) && (options as Partial<Iterable<unknown>>)[Symbol.iterator] != null;
  return toTransferList(
    isList ? options : toDictionary(options, "MessagePort.postMessage: the options").transfer,
  );
}

function deliver(end: End): void {
  if (!end.isStarted || end.port === undefined) return;
  const message = end.waiting.shift();
  if (message !== undefined) dispatchTrusted(end.port, new MessageEvent("message", message));
}
