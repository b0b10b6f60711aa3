import { showFields } from "../console/inspection.ts";
import { timeStamp } from "../performance/clock.ts";
import {
  asInterface,
  defineConstants,
  requireArguments,
  toDictionary,
  toDOMString,
} from "../webidl/webidl.ts";

export interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

export const Phase = { none: 0, capturing: 1, atTarget: 2, bubbling: 3 } as const;

/** The state of an event. The dispatch writes to it. */
export interface EventState {
  type: string;
  bubbles: boolean;
  cancelable: boolean;
  readonly composed: boolean;
  readonly timeStamp: number;
  /** True if the platform made the event, false if user code did. */
  isTrusted: boolean;
  target: object | null;
  currentTarget: object | null;
  phase: number;
  isStopped: boolean;
  isStoppedAtOnce: boolean;
  isCanceled: boolean;
  isInPassiveListener: boolean;
  isInitialized: boolean;
  isDispatching: boolean;
}

/** Throws for a value that is not an event. */
export let eventState: (event: unknown) => EventState;

const isTrusted = {
  get isTrusted(): boolean {
    return eventState(this).isTrusted;
  },
};
/** An own property, the same for all events: user code cannot make an event look trusted. */
const isTrustedProperty = {
  ...Object.getOwnPropertyDescriptor(isTrusted, "isTrusted"),
  configurable: false,
  enumerable: true,
};

/** `Event` of the DOM standard, without the parts for trees of nodes. */
export class Event {
  #state: EventState;

  constructor(type: unknown, init: EventInit | undefined = undefined) {
    requireArguments(arguments.length, 1, "Event");
    const name = toDOMString(type);
    const options = toDictionary(init, "Event: the init");
    this.#state = {
      type: name,
      bubbles: Boolean(options.bubbles),
      cancelable: Boolean(options.cancelable),
      composed: Boolean(options.composed),
      timeStamp: timeStamp(),
      isTrusted: false,
      target: null,
      currentTarget: null,
      phase: Phase.none,
      isStopped: false,
      isStoppedAtOnce: false,
      isCanceled: false,
      isInPassiveListener: false,
      isInitialized: true,
      isDispatching: false,
    };
    Object.defineProperty(this, "isTrusted", isTrustedProperty);
  }

  static {
    eventState = (event) => (event as Event).#state;
  }

  get type(): string {
    return this.#state.type;
  }

  get target(): object | null {
    return this.#state.target;
  }

  get srcElement(): object | null {
    return this.#state.target;
  }

  get currentTarget(): object | null {
    return this.#state.currentTarget;
  }

  composedPath(): object[] {
    const { currentTarget } = this.#state;
    return currentTarget === null ? [] : [currentTarget];
  }

  get eventPhase(): number {
    return this.#state.phase;
  }

  stopPropagation(): void {
    this.#state.isStopped = true;
  }

  get cancelBubble(): boolean {
    return this.#state.isStopped;
  }

  set cancelBubble(value: unknown) {
    const state = this.#state;
    if (value) state.isStopped = true;
  }

  stopImmediatePropagation(): void {
    const state = this.#state;
    state.isStopped = true;
    state.isStoppedAtOnce = true;
  }

  get bubbles(): boolean {
    return this.#state.bubbles;
  }

  get cancelable(): boolean {
    return this.#state.cancelable;
  }

  get returnValue(): boolean {
    return !this.#state.isCanceled;
  }

  set returnValue(value: unknown) {
    const state = this.#state;
    if (!value) cancel(state);
  }

  preventDefault(): void {
    cancel(this.#state);
  }

  get defaultPrevented(): boolean {
    return this.#state.isCanceled;
  }

  get composed(): boolean {
    return this.#state.composed;
  }

  get timeStamp(): number {
    return this.#state.timeStamp;
  }

  initEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false): void {
    const state = this.#state;
    requireArguments(arguments.length, 1, "Event.initEvent");
    const name = toDOMString(type);
    if (state.isDispatching) return;
    state.isInitialized = true;
    state.isStopped = false;
    state.isStoppedAtOnce = false;
    state.isCanceled = false;
    state.isTrusted = false;
    state.target = null;
    state.type = name;
    state.bubbles = Boolean(bubbles);
    state.cancelable = Boolean(cancelable);
  }
}

asInterface("Event", Event);

/** Defines how `console` shows a kind of event: Node's fields of every event, and the kind's own fields. */
export function showEvent<T extends Event>(
  Interface: { readonly prototype: T },
  name: string,
  ownFields: (event: T) => object = () => ({}),
): void {
  const fieldsOf = (event: T) => {
    const { type, defaultPrevented, cancelable, timeStamp } = event;
    return { type, defaultPrevented, cancelable, timeStamp, ...ownFields(event) };
  };
  showFields(Interface, name, fieldsOf, { isNamedByClass: true });
}

showEvent(Event, "Event");
defineConstants(Event, { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });

function cancel(state: EventState): void {
  if (state.cancelable && !state.isInPassiveListener) state.isCanceled = true;
}
