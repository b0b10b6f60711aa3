import {
  asInterface,
  conversions,
  isObject,
  requireArguments,
  toDictionary,
  toUSVString,
} from "../webidl/webidl.ts";
import { Event, type EventInit, eventState, showEvent } from "./event.ts";

/** `CustomEvent` of the DOM standard. */
export class CustomEvent extends Event {
  #detail: unknown;

  constructor(type: unknown, init: (EventInit & { detail?: unknown }) | undefined = undefined) {
    requireArguments(arguments.length, 1, "CustomEvent");
    super(type, init);
    this.#detail = toDictionary(init, "CustomEvent: the init").detail ?? null;
  }

  get detail(): unknown {
    return this.#detail;
  }

  initCustomEvent(
    type: unknown,
    bubbles: unknown = false,
    cancelable: unknown = false,
    detail: unknown = null,
  ): void {
    requireArguments(arguments.length, 1, "CustomEvent.initCustomEvent");
    if (eventState(this).isDispatching) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}

/** `PromiseRejectionEvent` of HTML. */
export class PromiseRejectionEvent extends Event {
  #promise: object;
  #reason: unknown;

  constructor(type: unknown, init: EventInit & { promise: object; reason?: unknown }) {
    requireArguments(arguments.length, 2, "PromiseRejectionEvent");
    super(type, init);
    const { promise, reason } = toDictionary(init, "PromiseRejectionEvent: the init");
    if (!isObject(promise)) throw new TypeError("PromiseRejectionEvent: the init has no promise");
    this.#promise = promise;
    this.#reason = reason;
  }

  get promise(): object {
    return this.#promise;
  }

  get reason(): unknown {
    return this.#reason;
  }
}

export interface CloseEventInit extends EventInit {
  code?: number;
  reason?: string;
  wasClean?: boolean;
}

/** `CloseEvent` of the WebSockets standard. */
export class CloseEvent extends Event {
  #wasClean: boolean;
  #code: number;
  #reason: string;

  constructor(type: unknown, init: CloseEventInit | undefined = undefined) {
    requireArguments(arguments.length, 1, "CloseEvent");
    super(type, init);
    const { code = 0, reason = "", wasClean } = toDictionary(init, "CloseEvent: the init");
    this.#code = conversions["unsigned short"](code);
    this.#reason = toUSVString(reason);
    this.#wasClean = Boolean(wasClean);
  }

  get wasClean(): boolean {
    return this.#wasClean;
  }

  get code(): number {
    return this.#code;
  }

  get reason(): string {
    return this.#reason;
  }
}

export interface ProgressEventInit extends EventInit {
  lengthComputable?: boolean;
  loaded?: number;
  total?: number;
}

/** `ProgressEvent` of the XMLHttpRequest standard. */
export class ProgressEvent extends Event {
  #lengthComputable: boolean;
  #loaded: number;
  #total: number;

  constructor(type: unknown, init: ProgressEventInit | undefined = undefined) {
    requireArguments(arguments.length, 1, "ProgressEvent");
    super(type, init);
    const { lengthComputable, loaded = 0, total = 0 } = toDictionary(init, "ProgressEvent: the init");
    this.#lengthComputable = Boolean(lengthComputable);
    this.#loaded = conversions.double(loaded);
    this.#total = conversions.double(total);
  }

  get lengthComputable(): boolean {
    return this.#lengthComputable;
  }

  get loaded(): number {
    return this.#loaded;
  }

  get total(): number {
    return this.#total;
  }
}

asInterface("CustomEvent", CustomEvent);
showEvent(CustomEvent, "CustomEvent", ({ detail }) => ({ detail }));
asInterface("PromiseRejectionEvent", PromiseRejectionEvent);
showEvent(PromiseRejectionEvent, "PromiseRejectionEvent", ({ reason }) => ({ reason }));
asInterface("CloseEvent", CloseEvent);
showEvent(CloseEvent, "CloseEvent", ({ code, reason, wasClean }) => ({
  code,
  reason,
  wasClean,
}));
asInterface("ProgressEvent", ProgressEvent);
showEvent(ProgressEvent, "ProgressEvent", ({ loaded, total }) => ({ loaded, total }));
