/**
 * `FinalizationRegistry`, whose callbacks run as entries of the isolate.
 *
 * V8 runs a registry's callback as a task of its own after a collection, without a CPU limit: an endless loop in a callback
 * would keep the isolate's thread for ever. So user code gets this class. V8 calls the platform only, and the callbacks run
 * in a turn, like a timer. The turn belongs to no request.
 *
 * I1  A turn runs callbacks for `TURN_MS`. The rest runs in the next turn, so that requests run between turns. One timer
 *     serves a whole turn: one for each callback allowed 600 a second, and wasm-bindgen frees memory by callbacks.
 * I2  At most `MAX_DUE` callbacks wait for the next turn. With more, the turn goes on, up to its CPU limit.
 * I3  An error of one callback does not stop the others.
 */
import { reportException } from "../dom/dispatch.ts";
import { setOwner } from "../start/owner.ts";
import { AT_ONCE, startPlatformTimer } from "../start/timers.ts";

const Native = globalThis.FinalizationRegistry;
const { now } = Date;

type Cleanup = (held: unknown) => void;

const TURN_MS = 5;
const MAX_DUE = 10_000;

let due: { cleanup: Cleanup; held: unknown }[] = [];
/** Number of callbacks of `due` that have run. */
let done = 0;
let isScheduled = false;

function schedule(cleanup: Cleanup, held: unknown): void {
  due.push({ cleanup, held });
  if (isScheduled) return;
  setOwner(0);
  startTurn();
}

function startTurn(): void {
  isScheduled = true;
  startPlatformTimer(runDue, AT_ONCE);
}

function runDue(): void {
  isScheduled = false;
  const endsAt = now() + TURN_MS;
  // A callback that never returns loses no other: its entry ends, and the next due callback starts a turn.
  while (done < due.length && (due.length - done > MAX_DUE || now() < endsAt)) callNext();
  due = due.slice(done);
  done = 0;
  if (due.length > 0 && !isScheduled) startTurn();
}

function callNext(): void {
  const next = due[done];
  done += 1;
  if (next === undefined) return;
  try {
    Reflect.apply(next.cleanup, undefined, [next.held]);
  } catch (error) {
    reportException(error);
  }
}

// biome-ignore lint/suspicious/noShadowRestrictedNames: this class replaces the global of that name
class FinalizationRegistry {
  readonly #native: InstanceType<typeof Native>;

  constructor(cleanup: unknown) {
    if (typeof cleanup !== "function") throw new TypeError("FinalizationRegistry: cleanup must be callable");
    this.#native = new Native((held: unknown) => schedule(cleanup as Cleanup, held));
  }

  register(target: WeakKey, held: unknown, token?: WeakKey): undefined {
    // A missing token is the same as undefined.
    this.#native.register(target, held, token);
  }

  unregister(token: WeakKey): boolean {
    return this.#native.unregister(token);
  }
}

Object.defineProperty(FinalizationRegistry.prototype, Symbol.toStringTag, {
  value: "FinalizationRegistry",
  configurable: true,
});
Object.defineProperty(FinalizationRegistry.prototype.register, "length", { value: 2, configurable: true });

export const finalizationInterfaces = { FinalizationRegistry };
