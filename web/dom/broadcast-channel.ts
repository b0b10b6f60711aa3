import { structuredClone } from "../cloning/structured-clone.ts";
import { asInterface, requireArguments, toDOMString } from "../webidl/webidl.ts";
import { DOMException } from "./dom-exception.ts";
import { defineEventHandlers } from "./event-handlers.ts";
import { dispatchTrusted, EventTarget } from "./event-target.ts";
import { MessageEvent } from "./messaging.ts";
import { queueTask } from "./tasks.ts";

/** The open channels in the order of their creation, which is the order of delivery. */
const open = new Set<BroadcastChannel>();

/** `BroadcastChannel` of HTML. It reaches the channels of the same isolate only: instances share nothing. */
export class BroadcastChannel extends EventTarget {
  readonly #name: string;
  /** Defined below the class, like all event handlers. */
  declare onmessage: unknown;
  declare onmessageerror: unknown;

  constructor(name: unknown) {
    requireArguments(arguments.length, 1, "BroadcastChannel");
    super();
    this.#name = toDOMString(name);
    open.add(this);
  }

  get name(): string {
    return this.#name;
  }

  postMessage(message: unknown): void {
    const name = this.#name;
    requireArguments(arguments.length, 1, "BroadcastChannel.postMessage");
    if (!open.has(this)) throw new DOMException("The channel is closed", "InvalidStateError");
    const others = [...open].filter((channel) => channel !== this && channel.#name === name);
    const copy = structuredClone(message);
    for (const channel of others) {
      queueTask(() => {
        if (!open.has(channel)) return;
        dispatchTrusted(channel, new MessageEvent("message", { data: structuredClone(copy) }));
      });
    }
  }

  close(): void {
    this.#name;
    open.delete(this);
  }
}

asInterface("BroadcastChannel", BroadcastChannel);
defineEventHandlers(BroadcastChannel.prototype, ["message", "messageerror"]);
