/**
 * The readers of events at this gateway.
 *
 * I1  A reader behind an event (`Last-Event-ID`) gets every later one once, in order. It hears of a gap where the stream has dropped
 *     some before they were read.
 * I2  Nothing waits here for a slow reader but one event and a bounded number of news: the next one is read when this one was taken.
 *     A reader that takes nothing for `stalledMs` is cut.
 * I3  A reader that is at the end hears a beat with its place, so that it goes on there elsewhere. All end when the gateway leaves.
 * I4  A reader has its place from before its first read until its end: there are never more than `maxReaders`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type EventStart, type Events, followEvents, openEvents } from "../../nats/index.ts";
import type { EventDoorOptions, EventLimits } from "./event-door-options.ts";
import { serverSentForm, socketForm } from "./event-forms.ts";

const DEFAULTS: EventLimits = { maxReaders: 2_000, stalledMs: 60_000, beatMs: 15_000 };

/** Where a reader's events go. */
export interface EventSink {
  /** Resolves when the operating system has the bytes, or the reader is gone. */
  send(bytes: Buffer): Promise<void>;
  /** Cuts a reader that takes nothing. */
  cut(): void;
}

export class EventReaders {
  readonly #options: EventDoorOptions;
  readonly #limits: EventLimits;
  readonly #forms = { sse: serverSentForm(), socket: socketForm() };
  readonly #closing = new AbortController();
  #opening: Promise<Events> | undefined;
  #count = 0;

  constructor(options: EventDoorOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULTS, ...options.limits };
  }

  /** Takes a place for a reader (I4). Returns how it leaves; undefined where there is none. */
  enter(): (() => void) | undefined {
    if (this.#count >= this.#limits.maxReaders) return undefined;
    let isIn = true;
    const count = (change: number) => {
      this.#count += change;
      this.#options.metrics.readers(this.#count);
    };
    count(1);
    return () => {
      if (isIn) count(-1);
      isIn = false;
    };
  }

  /** Resolves when events can be read. Errors: as `openEvents`. */
  async open(): Promise<void> {
    await this.#open();
  }

  /** Tells events until the signal aborts, or this gateway leaves. */
  async run({ pattern, start, form }: Reading, sink: EventSink, gone: AbortSignal): Promise<void> {
    const { nats, log, metrics } = this.#options;
    const { beatMs } = this.#limits;
    const signal = AbortSignal.any([gone, this.#closing.signal]);
    const cut = () => {
      metrics.cut();
      sink.cut();
    };
    try {
      const events = await this.#open();
      for await (const item of followEvents({ nats, events, pattern, start, beatMs, signal })) {
        if (signal.aborted) break;
        const bytes = this.#forms[form](item);
        const end = await this.#taken(sink.send(bytes), signal);
        if (end === "stalled") cut();
        if (end !== "taken") break;
        metrics.told(bytes.byteLength);
      }
    } catch (error) {
      log.warn({ pattern, error: String(error) }, "a reader of events was cut");
      cut();
    }
  }

  /** Ends all readers: they connect again, elsewhere. */
  close(): void {
    this.#closing.abort();
  }

  #open(): Promise<Events> {
    this.#opening ??= openEvents(this.#options.nats).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #taken(sending: Promise<void>, signal: AbortSignal): Promise<"taken" | "stalled" | "ended"> {
    const over = new AbortController();
    const ends = AbortSignal.any([signal, over.signal]);
    const stalled = sleep(this.#limits.stalledMs, "stalled" as const, { signal: ends });
    const first = await Promise.race([sending, stalled.catch(() => "ended" as const)]);
    over.abort();
    return first ?? "taken";
  }
}

/** The question of a reader. */
export interface Reading {
  pattern: string;
  start: EventStart;
  form: "sse" | "socket";
}

/** Where a reader begins: behind an id, else as `since` says. Undefined: neither can be read. */
export function readStart(lastId: string | undefined, since: string | undefined): EventStart | undefined {
  if (lastId !== undefined && lastId !== "")
    return /^\d{1,15}$/.test(lastId) ? { kind: "after", sequence: Number(lastId) } : undefined;
  if (since === undefined || since === "new") return { kind: "new" };
  if (since === "last" || since === "all") return { kind: since };
  const at = new Date(since);
  return Number.isNaN(at.getTime()) ? undefined : { kind: "since", at };
}
