/**
 * The readers of events at this gateway.
 *
 * I1  A reader behind an event (`Last-Event-ID`) gets every later one once, in order. It hears of a gap where the stream has dropped
 *     some before they were read.
 * I2  Nothing waits here for a slow reader but one event and a bounded number of news: the next one is read when this one was taken.
 *     A reader that takes nothing for `STALLED_MS` is cut.
 * I3  A reader that is at the end hears a beat with its place, so that it goes on there elsewhere. All end when the gateway leaves.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type EventStart,
  type Events,
  type FollowedItem,
  followEvents,
  openEvents,
} from "../../nats/index.ts";
import type { EventDoorOptions } from "./event-door-options.ts";

/** Upper bound of the readers of one gateway. */
const MAX_READERS = 2_000;
const BEAT_MS = 15_000;
const STALLED_MS = 60_000;

/** Where a reader's events go. */
export interface EventSink {
  /** Resolves when it was taken. */
  send(item: FollowedItem): Promise<void>;
  /** Cuts a reader that takes nothing. */
  cut(): void;
}

export class EventReaders {
  readonly #options: EventDoorOptions;
  readonly #closing = new AbortController();
  #opening: Promise<Events> | undefined;
  #count = 0;

  constructor(options: EventDoorOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#count >= MAX_READERS;
  }

  /** Resolves when events can be read. Errors: as `openEvents`. */
  async open(): Promise<void> {
    await this.#open();
  }

  /** Tells events until the signal aborts, or this gateway leaves. */
  async run(pattern: string, start: EventStart, sink: EventSink, gone: AbortSignal): Promise<void> {
    const { nats, log } = this.#options;
    const signal = AbortSignal.any([gone, this.#closing.signal]);
    this.#count += 1;
    try {
      const events = await this.#open();
      for await (const item of followEvents({ nats, events, pattern, start, beatMs: BEAT_MS, signal })) {
        if (signal.aborted || !(await isTaken(sink, item, signal))) break;
      }
    } catch (error) {
      log.warn({ pattern, error: String(error) }, "a reader of events was cut");
      sink.cut();
    } finally {
      this.#count -= 1;
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
}

async function isTaken(sink: EventSink, item: FollowedItem, signal: AbortSignal): Promise<boolean> {
  const over = new AbortController();
  const stalled = sleep(STALLED_MS, "stalled" as const, { signal: AbortSignal.any([signal, over.signal]) });
  const first = await Promise.race([sink.send(item), stalled.catch(() => "ended" as const)]);
  over.abort();
  if (first === undefined) return true;
  if (first === "stalled") sink.cut();
  return false;
}

/** An item as clients see it: the names of functions stay inside. */
export function describeItem(item: FollowedItem): { kind: FollowedItem["kind"]; id: number; body: object } {
  switch (item.kind) {
    case "event": {
      const { sequence: id, subject, key, storedAt, headers, data } = item.event;
      const at = storedAt.toISOString();
      const value = readValue(headers.get("Content-Type")?.[0], data);
      return {
        kind: "event",
        id,
        body: { id, subject, ...(key === undefined ? {} : { key }), at, ...value },
      };
    }
    case "gap":
      return { kind: "gap", id: item.first - 1, body: { after: item.after, first: item.first } };
    case "position":
      return { kind: "position", id: item.sequence, body: { id: item.sequence } };
  }
}

/** A sealed value stays sealed: the gateway has no keys. */
function readValue(
  type: string | undefined,
  data: Uint8Array,
): { value?: unknown; base64?: string; sealed?: string } {
  if (type === "application/jose") return { sealed: Buffer.from(data).toString() };
  if (data.byteLength === 0) return {};
  const bytes = Buffer.from(data);
  if (type === "application/octet-stream") return { base64: bytes.toString("base64") };
  try {
    return { value: JSON.parse(bytes.toString()) };
  } catch {
    return { base64: bytes.toString("base64") };
  }
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
