/**
 * `FinalizationRegistry`, whose callbacks run as entries of the isolate.
 *
 * V8 calls a registry's callback from a task of its own, after a collection, where no CPU limit holds: an endless loop in
 * one would keep the isolate's thread for ever. So user code gets this class, which has V8 call the platform only, and
 * takes the callback's turn as a timer does. Nobody's request asked for it.
 */
import { setOwner } from "./owner.ts";
import { startPlatformTimer } from "./timers.ts";

const Native = globalThis.FinalizationRegistry;

type Cleanup = (held: unknown) => void;

const due: { cleanup: Cleanup; held: unknown }[] = [];

function schedule(cleanup: Cleanup, held: unknown): void {
  due.push({ cleanup, held });
  if (due.length > 1) return;
  setOwner(0);
  startPlatformTimer(runDue, 0);
}

function runDue(): void {
  const next = due.shift();
  if (next === undefined) return;
  // Each one has its own turn: what one of them throws keeps no other from its own.
  if (due.length > 0) startPlatformTimer(runDue, 0);
  Reflect.apply(next.cleanup, undefined, [next.held]);
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
