/**
 * The order of the instances that `scale.min` keeps: one starts when the services run that it requires.
 *
 * K1  A service for which a kept one waits here is started here, as a request for it would do. It idles out as after a request.
 * K2  Services that run on other nodes, or that narun did not start, are looked for while one waits, and not else.
 * K3  A restart beside living instances, as after a push, waits for nothing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../contracts/index.ts";
import { discoverServices, type Nats } from "../../nats/index.ts";

export interface KeptOrderOptions {
  nats: Nats;
  log: { warn(facts: object, text: string): void };
  requiresOf(name: string): readonly string[];
  /** Whether an instance of a service is ready here. */
  runsHere(name: string): boolean;
  /** A service may have become free to start, or is wanted. */
  touch(name: string): void;
}

/** The pause between two looks for services of other nodes. */
const LOOK_PAUSE_MS = 500;
/** How long a service that was seen elsewhere counts as running. */
const SEEN_MS = 5_000;
/** How long one waits before the log says for whom. */
const TELL_MS = 10_000;

interface Wait {
  sinceMs: number;
  missing: readonly string[];
  isTold: boolean;
}

export class KeptOrder {
  readonly #options: KeptOrderOptions;
  readonly #waits = new Map<string, Wait>();
  /** Until when a service counts as running elsewhere. */
  readonly #seen = new Map<string, number>();
  readonly #ending = new AbortController();
  #isLooking = false;

  constructor(options: KeptOrderOptions) {
    this.#options = options;
  }

  /** Whether a kept instance may start now. Else its service waits. */
  mayStart(name: string): boolean {
    const missing = this.#options.requiresOf(name).filter((one) => !this.#runs(one));
    if (missing.length === 0) {
      this.forget(name);
      return true;
    }
    const known = this.#waits.get(name);
    this.#waits.set(name, { sinceMs: performance.now(), isTold: false, ...known, missing });
    if (known === undefined) for (const one of missing) this.#options.touch(one);
    if (!this.#isLooking) void this.#look();
    return false;
  }

  /** Whether a kept service waits for it (K1). */
  isAwaited(name: string): boolean {
    return [...this.#waits.values()].some(({ missing }) => missing.includes(name));
  }

  /** The service changed: its dependants may start. */
  changed(name: string): void {
    if (this.#waits.size > 0 && this.#options.runsHere(name)) this.#touchWaiting(name);
  }

  forget(name: string): void {
    this.#waits.delete(name);
  }

  close(): void {
    this.#ending.abort();
    this.#waits.clear();
  }

  #runs(name: string): boolean {
    return this.#options.runsHere(name) || (this.#seen.get(name) ?? 0) > performance.now();
  }

  #touchWaiting(name: string): void {
    for (const [waiting, { missing }] of this.#waits)
      if (missing.includes(name)) this.#options.touch(waiting);
  }

  async #look(): Promise<void> {
    const { signal } = this.#ending;
    this.#isLooking = true;
    try {
      while (this.#waits.size > 0 && !signal.aborted) {
        for (const name of new Set([...this.#waits.values()].flatMap(({ missing }) => missing)))
          await this.#find(name);
        this.#tell();
        await sleep(LOOK_PAUSE_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    } finally {
      this.#isLooking = false;
    }
  }

  async #find(name: string): Promise<void> {
    const { nats, log } = this.#options;
    try {
      const found = await discoverServices(nats, { name, isEnough: () => true });
      if (found.length === 0 || this.#ending.signal.aborted) return;
      this.#seen.set(name, performance.now() + SEEN_MS);
      this.#touchWaiting(name);
    } catch (error) {
      log.warn({ service: name, error: messageOf(error) }, "a required service cannot be looked for");
    }
  }

  #tell(): void {
    for (const [name, wait] of this.#waits) {
      if (wait.isTold || performance.now() - wait.sinceMs < TELL_MS) continue;
      wait.isTold = true;
      this.#options.log.warn(
        { function: name, waitsFor: wait.missing },
        "the instances that scale.min keeps wait for services that do not run",
      );
    }
  }
}
