import { showFields } from "../console/inspection.ts";
import { asInterface, conversions, requireArguments, toSequence } from "../webidl/webidl.ts";
import { AbortState } from "./abort-state.ts";
import { startDeadline } from "./deadlines.ts";
import { DOMException } from "./dom-exception.ts";
import { Event } from "./event.ts";
import { defineEventHandlers } from "./event-handlers.ts";
import { abortStateOf, dispatchTrusted, EventTarget, hasListeners, setAbortState } from "./event-target.ts";

/** The key with which the platform makes a signal. User code has no key. */
const CONSTRUCTOR_KEY = Symbol("constructor key");

/** Throws for a value that is not a signal. */
function stateOf(value: unknown): AbortState {
  const state = abortStateOf(value);
  if (state === undefined) throw new TypeError("not an AbortSignal");
  return state;
}

/** `AbortSignal` of the DOM standard. */
export class AbortSignal extends EventTarget {
  /** Defined below the class, like all event handlers. */
  declare onabort: unknown;

  constructor(constructorKey: unknown = undefined, isDependent = false) {
    if (constructorKey !== CONSTRUCTOR_KEY) throw new TypeError("Illegal constructor");
    super();
    const fire = () => {
      if (hasListeners(this, "abort")) dispatchTrusted(this, new Event("abort"));
    };
    setAbortState(this, new AbortState(isDependent, fire));
  }

  static abort(reason: unknown = undefined): AbortSignal {
    const signal = new AbortSignal(CONSTRUCTOR_KEY);
    stateOf(signal).abort(reasonOf(reason));
    return signal;
  }

  static timeout(milliseconds: unknown): AbortSignal {
    requireArguments(arguments.length, 1, "AbortSignal.timeout");
    const delayMs = conversions["unsigned long long"](milliseconds, { enforceRange: true });
    const signal = new AbortSignal(CONSTRUCTOR_KEY, true);
    const deadline = new AbortState(false, () => undefined);
    stateOf(signal).follow(deadline);
    startDeadline(delayMs, deadline);
    return signal;
  }

  static any(signals: unknown): AbortSignal {
    requireArguments(arguments.length, 1, "AbortSignal.any");
    const sources = [...toSequence(signals, "AbortSignal.any: the argument")].map(stateOf);
    const signal = new AbortSignal(CONSTRUCTOR_KEY, true);
    const state = stateOf(signal);
    const aborted = sources.find((source) => source.isAborted);
    if (aborted !== undefined) state.abort(aborted.reason);
    else for (const source of sources) state.follow(source);
    return signal;
  }

  get aborted(): boolean {
    return stateOf(this).isAborted;
  }

  get reason(): unknown {
    return stateOf(this).reason;
  }

  throwIfAborted(): void {
    const { isAborted, reason } = stateOf(this);
    if (isAborted) throw reason;
  }
}

asInterface("AbortSignal", AbortSignal);
showFields(AbortSignal, "AbortSignal", ({ aborted, reason }) =>
  aborted ? { aborted, reason } : { aborted },
);
defineEventHandlers(AbortSignal.prototype, ["abort"]);

/** `AbortController` of the DOM standard. */
export class AbortController {
  readonly #signal = createAbortSignal();

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason: unknown = undefined): void {
    abortSignal(this.#signal, reason);
  }
}

asInterface("AbortController", AbortController);
showFields(AbortController, "AbortController", ({ signal }) => ({ signal }));

/** A signal without a controller, for aborts by the platform. */
export function createAbortSignal(): AbortSignal {
  return new AbortSignal(CONSTRUCTOR_KEY);
}

/** Aborts a signal, by default with an `AbortError`. */
export function abortSignal(signal: AbortSignal, reason?: unknown): void {
  const state = stateOf(signal);
  if (!state.isAborted) state.abort(reasonOf(reason));
}

export function isAbortSignal(value: unknown): value is AbortSignal {
  return abortStateOf(value) !== undefined;
}

/**
 * Adds an action that runs when a signal is aborted, before its listeners. Does nothing if the signal is already aborted.
 * Returns a function that removes the action.
 */
export function onAbort(signal: AbortSignal, algorithm: () => void): () => void {
  return stateOf(signal).onAbort(algorithm);
}

/** A signal that is aborted with any of these: `AbortSignal.any`, for the platform. */
export function createDependentSignal(sources: readonly AbortSignal[]): AbortSignal {
  return AbortSignal.any(sources);
}

function reasonOf(reason: unknown): unknown {
  return reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
}
