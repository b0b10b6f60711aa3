/**
 * `FinalizationRegistry`, whose callbacks run as entries of the isolate.
 *
 * V8 calls a registry's callback from a task of its own, after a collection, where no CPU limit holds: an endless loop in
 * one would keep the isolate's thread for ever. So user code gets this class, which has V8 call the platform only, and
 * takes the callbacks' turn as a timer does. Nobody's request asked for it.
 *
 * I1  A turn calls back for `TURN_MS`, and the rest has the next turn: a flood leaves requests theirs. Each callback costs what it
 *     does, not a timer: one for each was 600 a second, where wasm-bindgen frees memory by them.
 * I2  `MAX_DUE` are left to the next turn at most. A turn that leaves more goes on, up to its CPU limit.
 * I3  What one callback throws keeps no other from its own.
 */
import { reportException } from "./dom/dispatch.ts";
import { setOwner } from "./owner.ts";
import { AT_ONCE, startPlatformTimer } from "./timers.ts";

const Native = globalThis.FinalizationRegistry;
const { now } = Date;

type Cleanup = (held: unknown) => void;

const TURN_MS = 5;
const MAX_DUE = 10_000;

let due: { cleanup: Cleanup; held: unknown }[] = [];
/** How many of them were called. */
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
  // Should one not return, the rest is not lost: its entry ends, and the next callback that is due starts a turn.
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

// biome-ignore lint/suspicious/noShadowRestrictedNames: it takes the place of that
class FinalizationRegistry {
  readonly #native: InstanceType<typeof Native>;

  constructor(cleanup: unknown) {
    if (typeof cleanup !== "function") throw new TypeError("FinalizationRegistry: cleanup must be callable");
    this.#native = new Native((held: unknown) => schedule(cleanup as Cleanup, held));
  }

  register(target: WeakKey, held: unknown, token?: WeakKey): undefined {
    // A missing token and one that is undefined are the same.
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
