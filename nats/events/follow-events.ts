/**
 * Follows the events of a pattern: first the stored ones from a place on, and then new ones. The reader's pace is the pace: it
 * may be as slow as it likes, and takes no memory for it.
 *
 * I1  Every event comes once, in the order of the sequences. Events that the stream dropped before they were read are a `gap`.
 * I2  News are subscribed to before the stored events are read, so that none falls between. Where news were missed, the stream is
 *     read again from the last event on; and now and then also where nothing is known to be missed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Nats } from "../connection.ts";
import type { StoredEvent } from "./event-message.ts";
import type { Events } from "./events.ts";
import { LiveEvents } from "./live-events.ts";

export type EventStart =
  /** Events that come from now on. */
  | { kind: "new" }
  /** The last event of each subject first. */
  | { kind: "last" }
  | { kind: "all" }
  | { kind: "since"; at: Date }
  /** Behind an event that the reader had already. */
  | { kind: "after"; sequence: number };

export type FollowedItem =
  | { kind: "event"; event: StoredEvent }
  /** Events behind `after` were dropped before they were read; the stream begins with `first` now. */
  | { kind: "gap"; after: number; first: number }
  /** Every event up to this sequence has come. Told when the reader is at the end, and now and then. */
  | { kind: "position"; sequence: number };

export interface FollowOptions {
  nats: Nats;
  events: Events;
  pattern: string;
  start: EventStart;
  /** Ends after the events that are stored now. Default: goes on. */
  isEnding?: boolean;
  /** How often a position is told. Default 15 s. */
  beatMs?: number;
  signal?: AbortSignal;
}

const BEAT_MS = 15_000;
const RETRY_MS = 500;

/** Errors: as the first reads. Later ones are tried again. */
export async function* followEvents(options: FollowOptions): AsyncGenerator<FollowedItem, void> {
  const { nats, events, pattern, start, signal, beatMs = BEAT_MS, isEnding = false } = options;
  const live = new LiveEvents(nats, events.news, pattern);
  try {
    await nats.flush();
    const place = yield* begin(events, pattern, start);
    let mustRead = true;
    let isFirst = true;
    while (signal?.aborted !== true && nats.state !== "closed") {
      if (live.takeMissed() || mustRead) {
        try {
          yield* readOn(events, pattern, place, signal);
          mustRead = false;
          isFirst = false;
        } catch (error) {
          if (isFirst) throw error;
          mustRead = true;
          await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
          continue;
        }
        if (isEnding) return;
        yield { kind: "position", sequence: place.after };
      }
      const event = live.shift();
      if (event === undefined) mustRead = !(await live.wait(beatMs, signal));
      else if (event.sequence > place.after) {
        place.after = event.sequence;
        yield { kind: "event", event };
      }
    }
  } finally {
    live.close();
  }
}

async function* begin(
  events: Events,
  pattern: string,
  start: EventStart,
): AsyncGenerator<FollowedItem, { after: number }> {
  const { last } = await events.bounds();
  switch (start.kind) {
    case "new":
      return { after: last };
    case "all":
      return { after: 0 };
    case "since":
      return { after: (await events.sequenceAt(start.at)) - 1 };
    case "after":
      if (start.sequence <= last) return { after: start.sequence };
      // The stream was made anew since then.
      yield { kind: "gap", after: start.sequence, first: last + 1 };
      return { after: last };
    case "last": {
      let after = last;
      for (const event of await events.lastOfEach(pattern)) {
        after = Math.max(after, event.sequence);
        yield { kind: "event", event };
      }
      return { after };
    }
  }
}

/** Reads the stored events behind the place, which moves along. */
async function* readOn(
  events: Events,
  pattern: string,
  place: { after: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<FollowedItem, void> {
  const { first, last } = await events.bounds();
  if (place.after > 0 && place.after < first - 1) yield { kind: "gap", after: place.after, first };
  let next = Math.max(place.after + 1, first);
  for await (const batch of events.readBatches(pattern, next)) {
    // The reader may have taken so long for the batch before that the stream has dropped the beginning of this one.
    const gap = await gapIn(events, next, batch);
    for (const event of batch) {
      if (signal?.aborted === true) return;
      if (gap?.before === event) yield gap.item;
      next = event.sequence + 1;
      place.after = event.sequence;
      yield { kind: "event", event };
    }
  }
  place.after = Math.max(place.after, last);
  if (next > last) return;
  const now = await events.bounds();
  if (next >= now.first) return;
  place.after = Math.max(place.after, now.first - 1);
  yield { kind: "gap", after: next - 1, first: now.first };
}

interface GapBefore {
  before: StoredEvent;
  item: FollowedItem;
}

/**
 * The place in a batch before which the stream has dropped events. Other subjects have sequences, too: without a look at the
 * stream's bounds that begin after the batch a place without an event is no gap.
 */
async function gapIn(
  events: Events,
  from: number,
  batch: readonly StoredEvent[],
): Promise<GapBefore | undefined> {
  const places = batch.map((before, at) => ({ before, next: (batch[at - 1]?.sequence ?? from - 1) + 1 }));
  const jumps = places.filter(({ before, next }) => before.sequence > next);
  if (jumps.length === 0) return undefined;
  const { first } = await events.bounds();
  const dropped = jumps.find(({ next }) => next < first);
  if (dropped === undefined) return undefined;
  const { before, next } = dropped;
  return { before, item: { kind: "gap", after: next - 1, first: Math.min(first, before.sequence) } };
}
