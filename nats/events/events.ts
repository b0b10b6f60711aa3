/**
 * The events of a world: publishing, and reading the stored events.
 *
 * I1  An event is stored when `publish` resolves. The same id again is the same event, within the stream's window of duplicates, so
 *     that a publish without an answer is sent again.
 * I2  The retained event of a subject is the one with the highest sequence, whatever the order in which two publishers write.
 */
import {
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type PubAck,
} from "@nats-io/jetstream";
import { headers as createFields, type MsgHdrs } from "@nats-io/transport-node";
import {
  EVENT_LANES,
  eventLane,
  type Headers,
  headerNames,
  isNarunError,
  NarunError,
  stores,
  subjects,
} from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { hasJetStreamCode, isConflict, JetStreamCode } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { storeProblem } from "../store-problem.ts";
import { readStored, readStoredBatches, type StoredMessage } from "../stored-messages.ts";
import { openReader } from "../stream-reader.ts";
import { ensureEventStreams } from "./ensure-events.ts";
import { type StoredEvent, toEvent } from "./event-message.ts";
import { EventNews } from "./event-news.ts";

export interface NewEvent {
  subject: string;
  /** Empty: it has no value. With `retain` it takes the retained one away. */
  data: Uint8Array | string;
  /** `Content-Type`, trace. Default: none. */
  headers?: Headers;
  /** Events of one key keep their order. Default: the events of one subject do. */
  key?: string | undefined;
  /** It is kept for later hearers, until the next retained event of its subject. */
  retain?: boolean | undefined;
  /** How long it is kept, in place of the stream's time. */
  ttlSeconds?: number | undefined;
  /** An id by which a second publish is dropped. Default: a new one. */
  id?: string | undefined;
  /** The function that publishes it. */
  source?: string | undefined;
}

export interface PublishedEvent {
  sequence: number;
  /** The event of this id was there already. */
  isDuplicate: boolean;
}

export interface EventBounds {
  /** The first sequence that is stored. */
  first: number;
  /** The last sequence that was given. */
  last: number;
}

export interface Events {
  /** Events as they come. */
  readonly news: EventNews;
  /** Publishes (I1). Errors: EVENT_NOT_STORED, EVENTS_FULL, NATS_NO_MAJORITY, NATS_PERMISSIONS_VIOLATION. */
  publish(event: NewEvent): Promise<PublishedEvent>;
  bounds(): Promise<EventBounds>;
  /** The sequence of the first event since then. */
  sequenceAt(since: Date): Promise<number>;
  /** Every stored event of a pattern from a sequence on, in order. */
  read(pattern: string, from: number): AsyncGenerator<StoredEvent, void>;
  /** As `read`, in batches: each is of one moment, when the one before was read. None is empty. */
  readBatches(pattern: string, from: number): AsyncGenerator<StoredEvent[], void>;
  /** The last event of each subject, the retained ones among them, in order. */
  lastOfEach(pattern: string): Promise<StoredEvent[]>;
  /** The last event of one subject, the retained one among them. */
  lastOf(subject: string): Promise<StoredEvent | undefined>;
  /** The retained event of each subject, in no order. */
  retained(pattern: string): AsyncGenerator<StoredEvent, void>;
  /** How many events each subject of a pattern has. */
  subjects(pattern: string): Promise<Map<string, number>>;
  get(sequence: number): Promise<StoredEvent | undefined>;
}

/** How long it is remembered that a subject has no retained event any more: longer than any publish is under way. */
const GONE_SECONDS = 3_600;
const BATCH_WAIT_MS = 5_000;

/** Opens the events, and makes their streams where they are missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openEvents(nats: Nats): Promise<Events> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  await ensureEventStreams(nats, manager);
  return new OpenEvents(nats, manager);
}

class OpenEvents implements Events {
  readonly news: EventNews;
  readonly #nats: Nats;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;

  constructor(nats: Nats, manager: JetStreamManager) {
    this.news = new EventNews(nats);
    this.#nats = nats;
    this.#manager = manager;
    this.#client = jetstream(nats.connection);
  }

  async publish(event: NewEvent): Promise<PublishedEvent> {
    const { subject, key, data, retain = false, id = crypto.randomUUID() } = event;
    const fields = fieldsOf(event);
    const wire = this.#nats.world.toWire(subjects.event(eventLane(subject, key), subject));
    const sent = { ...event, retain };
    const ack = await this.#store(wire, data, () => withTtl(fields(), sent), { msgID: id });
    if (retain) await this.#retain(sent, ack.seq, fields);
    return { sequence: ack.seq, isDuplicate: ack.duplicate };
  }

  async #store(
    wire: string,
    data: Uint8Array | string,
    headers: () => MsgHdrs,
    options: { msgID?: string; expect?: { lastSubjectSequence: number } },
  ): Promise<PubAck> {
    try {
      // The library writes its options into the header fields: each try has its own.
      return await needsJetStream(this.#nats, () =>
        this.#client.publish(wire, data, { ...options, headers: headers() }),
      );
    } catch (error) {
      if (isNarunError(error, "NATS_NO_MAJORITY")) throw error;
      const problem = storeProblem(error);
      if (problem !== "away" && problem !== "full") throw error;
      throw new NarunError("EVENT_NOT_STORED", { subject: wire }, { cause: error });
    }
  }

  /** Writes the retained event, unless a later one is there (I2). */
  async #retain(event: NewEvent, sequence: number, fields: () => MsgHdrs): Promise<void> {
    const wire = this.#nats.world.toWire(subjects.retainedEvent(event.subject));
    const { stream } = stores.retainedEvents;
    const isGone = event.data.length === 0;
    const headers = () => {
      const all = withTtl(fields(), isGone ? { ...event, ttlSeconds: GONE_SECONDS } : event);
      all.set(headerNames.eventSequence, String(sequence));
      return all;
    };
    for (;;) {
      const there = await this.#lastMessage(stream, wire);
      if (Number(there?.headers?.last(headerNames.eventSequence)) >= sequence) return;
      try {
        const expect = { lastSubjectSequence: there?.seq ?? 0 };
        await this.#store(wire, event.data, headers, { expect });
        return;
      } catch (error) {
        const cause = error instanceof NarunError ? error.cause : error;
        if (hasJetStreamCode(cause, JetStreamCode.streamFull))
          throw new NarunError("EVENTS_FULL", {}, { cause });
        // Another publisher was faster: perhaps with an earlier event.
        if (!isConflict(error)) throw error;
      }
    }
  }

  async bounds(): Promise<EventBounds> {
    const { state } = await needsJetStream(this.#nats, () =>
      this.#manager.streams.info(stores.events.stream),
    );
    return { first: state.first_seq, last: state.last_seq };
  }

  async sequenceAt(since: Date): Promise<number> {
    const { last } = await this.bounds();
    const query = { start_time: since };
    const first = await needsJetStream(this.#nats, () =>
      this.#manager.direct.getMessage(stores.events.stream, query),
    );
    return first?.seq ?? last + 1;
  }

  async *read(pattern: string, from: number): AsyncGenerator<StoredEvent, void> {
    for await (const batch of this.readBatches(pattern, from)) yield* batch;
  }

  async *readBatches(pattern: string, from: number): AsyncGenerator<StoredEvent[], void> {
    for await (const messages of readStoredBatches(this.#where(pattern, from))) {
      const batch = messages.flatMap((message) => this.#toEvent(message) ?? []);
      if (batch.length > 0) yield batch;
    }
  }

  #where(pattern: string, from: number) {
    const filter = this.#nats.world.toWire(subjects.event("*", pattern));
    return { nats: this.#nats, manager: this.#manager, stream: stores.events.stream, filter, from };
  }

  async lastOfEach(pattern: string): Promise<StoredEvent[]> {
    const last = new Map<string, StoredEvent>();
    const take = (event: StoredEvent) => {
      if ((last.get(event.subject)?.sequence ?? 0) < event.sequence) last.set(event.subject, event);
    };
    for await (const event of this.retained(pattern)) take(event);
    const { nats, manager, stream, filter } = this.#where(pattern, 1);
    const where = { nats, manager, stream, filters: [filter], from: "last-of-each" } as const;
    await using reader = await needsJetStream(nats, () => openReader(where), { isLong: true });
    let left = reader.pending;
    while (left > 0) {
      for await (const message of reader.batch({ waitMs: BATCH_WAIT_MS })) {
        const { subject, seq, time, headers, data } = message;
        const event = this.#toEvent({ subject, seq, time, headers, data });
        if (event !== undefined) take(event);
        left -= 1;
        if (message.info.pending === 0) left = 0;
        if (left === 0) break;
      }
    }
    return [...last.values()].sort((a, b) => a.sequence - b.sequence);
  }

  async lastOf(subject: string): Promise<StoredEvent | undefined> {
    const { world } = this.#nats;
    const lanes = Array.from({ length: EVENT_LANES }, (_, lane) => subjects.event(lane, subject));
    // One request for each subject: a login may have the right to read this one alone.
    const found = await Promise.all([
      ...lanes.map((lane) => this.#lastMessage(stores.events.stream, world.toWire(lane))),
      this.#lastMessage(stores.retainedEvents.stream, world.toWire(subjects.retainedEvent(subject))),
    ]);
    const events = found.flatMap((message, at) => {
      const event = message && (at < lanes.length ? this.#toEvent(message) : this.#toRetained(message));
      return event ?? [];
    });
    return events.sort((a, b) => b.sequence - a.sequence)[0];
  }

  async #lastMessage(stream: string, wire: string): Promise<StoredMessage | undefined> {
    const found = await needsJetStream(this.#nats, () =>
      this.#manager.direct.getMessage(stream, { last_by_subj: wire }),
    );
    if (found === null) return undefined;
    const { subject, seq, time, header: headers, data } = found;
    return { subject, seq, time, headers, data };
  }

  async *retained(pattern: string): AsyncGenerator<StoredEvent, void> {
    const { world } = this.#nats;
    const filter = world.toWire(subjects.retainedEvent(pattern));
    const stream = stores.retainedEvents.stream;
    for await (const message of readStored({ nats: this.#nats, manager: this.#manager, stream, filter })) {
      const event = this.#toRetained(message);
      if (event !== undefined) yield event;
    }
  }

  /** Undefined where the retained event was taken away. */
  #toRetained(message: StoredMessage): StoredEvent | undefined {
    const { world } = this.#nats;
    const subject = world.fromWire(message.subject).slice(subjects.retainedEvent("").length);
    const seq = Number(message.headers?.last(headerNames.eventSequence));
    const event = this.#toEvent({ ...message, seq, subject: world.toWire(subjects.event(0, subject)) });
    return event !== undefined && event.data.byteLength > 0 ? event : undefined;
  }

  async subjects(pattern: string): Promise<Map<string, number>> {
    const { world } = this.#nats;
    const subjects_filter = this.#where(pattern, 1).filter;
    const { state } = await needsJetStream(this.#nats, () =>
      this.#manager.streams.info(stores.events.stream, { subjects_filter }),
    );
    const counts = new Map<string, number>();
    for (const [wire, count] of Object.entries(state.subjects ?? {})) {
      const subject = world.fromWire(wire).split(".").slice(3).join(".");
      counts.set(subject, (counts.get(subject) ?? 0) + count);
    }
    return counts;
  }

  async get(sequence: number): Promise<StoredEvent | undefined> {
    const found = await needsJetStream(this.#nats, () =>
      this.#manager.streams.getMessage(stores.events.stream, { seq: sequence }),
    );
    if (found === null) return undefined;
    const { subject, seq, time, header: headers, data } = found;
    return this.#toEvent({ subject, seq, time, headers, data });
  }

  #toEvent({ subject, seq, time, headers, data }: StoredMessage): StoredEvent | undefined {
    const fields: Headers = new Map(headers === undefined ? [] : [...headers]);
    return toEvent(this.#nats.world, { subject, sequence: seq, storedAt: time, headers: fields, data });
  }
}

/** The fields of an event, made anew for each message. */
function fieldsOf({ headers = new Map(), key, source, retain }: NewEvent): () => MsgHdrs {
  return () => {
    const fields = createFields();
    for (const [name, values] of headers) for (const value of values) fields.append(name, value);
    if (key !== undefined) fields.set(headerNames.eventKey, key);
    if (source !== undefined) fields.set(headerNames.eventSource, source);
    if (retain === true) fields.set(headerNames.eventRetained, "1");
    return fields;
  };
}

function withTtl(fields: MsgHdrs, { ttlSeconds }: Pick<NewEvent, "ttlSeconds">): MsgHdrs {
  if (ttlSeconds !== undefined) fields.set("Nats-TTL", `${ttlSeconds}s`);
  return fields;
}
