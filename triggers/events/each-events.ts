/**
 * The event handlers of services that every instance hears for itself (`each`), such as for caches in memory.
 *
 * I1  Each node tells the instances that run on it: each gets the events one after the other, from where its handler begins on.
 * I2  An event wakes no function, and is never tried again. An instance that ends hears no more.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type EventHandler,
  encodeTrigger,
  type FunctionSpec,
  headerNames,
  headerValue,
  messageOf,
  subjects,
} from "../../contracts/index.ts";
import {
  type EventStart,
  type Events,
  followEvents,
  openEvents,
  type StoredEvent,
} from "../../nats/index.ts";
import { headersOf } from "../call.ts";
import type { TriggerKind, TriggerParts } from "../kind.ts";
import { eventFields } from "./event-fact.ts";

/** How often instances are looked for where none has announced itself. */
const LOOK_MS = 1_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const RETRY_MS = 500;

export function createEachEvents(parts: TriggerParts): TriggerKind {
  return new EachEvents(parts);
}

/** A service, and what its instances are told. */
interface Told {
  handlers: readonly EventHandler[];
  timeoutMs: number;
  /** By the instance and the handler. */
  tellers: Map<string, AbortController>;
  forget(): void;
}

class EachEvents implements TriggerKind {
  readonly #parts: TriggerParts;
  readonly #byFunction = new Map<string, Told>();
  readonly #running = new Set<Promise<void>>();
  readonly #looking: NodeJS.Timeout;
  #isDraining = false;

  constructor(parts: TriggerParts) {
    this.#parts = parts;
    this.#looking = setInterval(() => this.#lookAtAll(), LOOK_MS).unref();
  }

  onSpec(name: string, spec: FunctionSpec | undefined): void {
    const before = this.#byFunction.get(name);
    before?.forget();
    for (const teller of before?.tellers.values() ?? []) teller.abort();
    this.#byFunction.delete(name);
    if (spec === undefined || this.#isDraining) return;
    const subscription = this.#parts.nats.subscribe(subjects.announcement(name, "*"), () => {
      // Dispatch reads the same announcement in this turn.
      setImmediate(() => this.#lookAtAll());
    });
    this.#byFunction.set(name, {
      handlers: (spec.interface?.events ?? []).filter(({ isDurable, isForEach }) => !isDurable && isForEach),
      timeoutMs: spec.limits.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      tellers: new Map(),
      forget: () => subscription.unsubscribe(),
    });
    this.#lookAtAll();
  }

  async drain({ graceMs }: { graceMs: number }): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#looking);
    for (const name of [...this.#byFunction.keys()]) this.onSpec(name, undefined);
    const over = new AbortController();
    const grace = sleep(graceMs, undefined, { signal: over.signal }).catch(() => undefined);
    await Promise.race([Promise.allSettled(this.#running), grace]);
    over.abort();
  }

  #lookAtAll(): void {
    this.#look().catch((error: unknown) => {
      this.#parts.log.warn({ error: messageOf(error) }, "instances were not told of events");
    });
  }

  async #look(): Promise<void> {
    const { calls, node } = this.#parts;
    const dispatch = await calls.dispatch();
    for (const [name, { handlers, tellers, timeoutMs }] of this.#byFunction) {
      const ready = dispatch.readyOn(node, name);
      for (const [key, teller] of tellers) {
        if (ready.some((id) => key.startsWith(`${id} `))) continue;
        teller.abort();
        tellers.delete(key);
      }
      for (const id of ready)
        for (const handler of handlers) {
          const key = `${id} ${handler.name}`;
          if (tellers.has(key) || this.#isDraining) continue;
          const teller = new AbortController();
          tellers.set(key, teller);
          const running = this.#tell({ name, id, handler, timeoutMs }, teller.signal).finally(() =>
            this.#running.delete(running),
          );
          this.#running.add(running);
        }
    }
  }

  async #tell(to: Teller, signal: AbortSignal): Promise<void> {
    const { nats, log } = this.#parts;
    const { pattern, since } = to.handler;
    const events = await this.#open(signal);
    if (events === undefined) return;
    try {
      for await (const item of followEvents({ nats, events, pattern, start: startOf(since), signal })) {
        if (signal.aborted) return;
        if (item.kind === "event") await this.#send(to, item.event);
      }
    } catch (error) {
      log.warn({ function: to.name, error: messageOf(error) }, "an instance hears no more events");
    }
  }

  async #send({ name: service, id, handler, timeoutMs }: Teller, event: StoredEvent): Promise<void> {
    const { nats, log } = this.#parts;
    const { sequence, subject, storedAt, headers, data } = event;
    const message = {
      ...{ id: String(sequence), subject, timestamp: storedAt.getTime(), attempts: 1, data },
      headers: eventFields(headers, handler.name),
    };
    const fact = { kind: "message", wantsReply: false, message } as const;
    try {
      const fields = headersOf({ service, fact }, timeoutMs);
      const reply = await nats.request(subjects.instanceRequests(id), encodeTrigger(fact), {
        timeoutMs,
        headers: fields,
      });
      const code = headerValue(reply.headers, headerNames.error);
      if (code !== undefined) log.warn({ function: service, subject, code }, "an event was not handled");
    } catch (error) {
      // The instance has ended, or is silent.
      log.debug?.({ function: service, subject, error: messageOf(error) }, "an event was not handled");
    }
  }

  async #open(signal: AbortSignal): Promise<Events | undefined> {
    while (!signal.aborted) {
      try {
        return await openEvents(this.#parts.nats);
      } catch {
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    return undefined;
  }
}

/** An instance, and the handler that it is told for. */
interface Teller {
  name: string;
  id: string;
  handler: EventHandler;
  timeoutMs: number;
}

function startOf(since: string): EventStart {
  if (since === "last" || since === "all") return { kind: since };
  const at = new Date(since);
  return Number.isNaN(at.getTime()) ? { kind: "new" } : { kind: "since", at };
}
