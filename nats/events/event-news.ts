/**
 * The news of events for all hearers of a process.
 *
 * I1  Hearers of one pattern share a subscription, and each event: a thousand readers cost the server one delivery.
 */
import { subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import type { Subscription } from "../subscriptions.ts";
import { readNews, type StoredEvent } from "./event-message.ts";

type Hearer = (event: StoredEvent) => void;

interface Feed {
  hearers: Set<Hearer>;
  subscription: Subscription;
}

export class EventNews {
  readonly #nats: Nats;
  readonly #feeds = new Map<string, Feed>();

  constructor(nats: Nats) {
    this.#nats = nats;
  }

  /** Hears the events of a pattern from the next flush of the connection on. Returns how it ends. */
  hear(pattern: string, hearer: Hearer): () => void {
    const feed = this.#feeds.get(pattern) ?? this.#open(pattern);
    feed.hearers.add(hearer);
    return () => {
      if (!feed.hearers.delete(hearer) || feed.hearers.size > 0) return;
      feed.subscription.unsubscribe();
      this.#feeds.delete(pattern);
    };
  }

  #open(pattern: string): Feed {
    const hearers = new Set<Hearer>();
    const subscription = this.#nats.subscribe(subjects.eventNews(pattern), ({ headers, data }) => {
      const event = readNews(this.#nats.world, headers, data);
      if (event === undefined) return;
      // A message's bytes share a buffer with other messages.
      const own = { ...event, data: event.data.slice() };
      for (const hearer of hearers) hearer(own);
    });
    const feed = { hearers, subscription };
    this.#feeds.set(pattern, feed);
    return feed;
  }
}
