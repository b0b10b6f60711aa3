/**
 * Work that is due at a time, for one of many workers. JetStream keeps it, waits, and hands it out: a worker that dies is
 * replaced by another one after `UNTOLD_MS`.
 *
 * I1  Work has a key. Work that is added again under its key replaces what waits there.
 * I2  Work is handed out again until a worker has said `done`.
 * I3  A stream of schedules takes no limit that could push a schedule out: it would never fire.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  AckPolicy,
  type Consumer,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import type { Nats } from "../connection.ts";
import { addStream } from "../copies.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { makeOwnStream } from "../own-stream.ts";

export interface DueWork {
  key: string;
  data: Uint8Array;
  /** When it became due. */
  dueAt: Date;
  /** How often it was handed out, this time included. */
  deliveries: number;
  /** The work is over. */
  done(): Promise<void>;
  /** It is handed out again, after a while. */
  again(delayMs: number): void;
  /** The worker is still there: to be told more often than every `UNTOLD_MS`. */
  working(): void;
}

export interface DueQueue {
  /** Adds work that is due now, or at a time. */
  add(key: string, data: string, options?: { at?: Date }): Promise<void>;
  /** Takes work back that no worker has yet. */
  drop(key: string): Promise<void>;
  /** Hands out work while there are free hands, until `signal` ends it. */
  take(options: TakeOptions): Promise<void>;
}

export interface TakeOptions {
  /** How many pieces of work this worker takes now. */
  free(): number;
  /** Resolves when hands may be free again. */
  untilFree(): Promise<unknown>;
  handle(work: DueWork): void;
  signal: AbortSignal;
}

export interface DueQueueOptions {
  stream: string;
  /** The beginning of all subjects, without its last dot. */
  prefix: string;
}

/** How long a worker may be silent about its work. */
export const UNTOLD_MS = 10_000;

const WORKERS = "workers";
const NANOS_PER_MS = 1_000_000;
const WAIT_MS = 20_000;
/** In a cluster the consumer's server may die while the connection lives: two missed beats say so. */
const CLUSTER_BEAT_MS = 1_000;
const RETRY_MS = 500;
/** Upper bound of the pieces that a worker gets at once, so that many workers share them. */
const MAX_BATCH = 16;

/** Opens a queue, creating its stream where it is missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openDueQueue(nats: Nats, options: DueQueueOptions): Promise<DueQueue> {
  const { stream, prefix } = options;
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const subjects = [nats.world.toWire(`${prefix}.>`)];
  await needsJetStream(nats, () =>
    makeOwnStream(manager, { stream, subjects }, () =>
      addStream(nats, manager, {
        name: stream,
        subjects,
        max_msgs_per_subject: 1,
        allow_msg_schedules: true,
        allow_msg_ttl: true,
      }),
    ),
  );
  return new StreamQueue(nats, manager, { stream, prefix });
}

class StreamQueue implements DueQueue {
  readonly #nats: Nats;
  readonly #manager: JetStreamManager;
  readonly #stream: string;
  readonly #due: (key: string) => string;
  readonly #waiting: (key: string) => string;

  constructor(nats: Nats, manager: JetStreamManager, { stream, prefix }: DueQueueOptions) {
    this.#nats = nats;
    this.#manager = manager;
    this.#stream = stream;
    this.#due = (key) => nats.world.toWire(`${prefix}.due.${key}`);
    this.#waiting = (key) => nats.world.toWire(`${prefix}.wait.${key}`);
  }

  async add(key: string, data: string, { at }: { at?: Date } = {}): Promise<void> {
    const client = jetstream(this.#nats.connection);
    const due = this.#due(key);
    await needsJetStream(this.#nats, () =>
      at === undefined || at.getTime() <= Date.now()
        ? client.publish(due, data)
        : client.publish(this.#waiting(key), data, { schedule: { specification: at, target: due } }),
    );
  }

  async drop(key: string): Promise<void> {
    for (const filter of [this.#waiting(key), this.#due(key)])
      await needsJetStream(this.#nats, () => this.#manager.streams.purge(this.#stream, { filter }));
  }

  async take({ free, untilFree, handle, signal }: TakeOptions): Promise<void> {
    let consumer: Consumer | undefined;
    while (!signal.aborted && this.#nats.state !== "closed") {
      const count = Math.min(free(), MAX_BATCH);
      if (count <= 0) {
        await untilFree();
        continue;
      }
      try {
        consumer ??= await this.#consumer();
        await this.#takeBatch(consumer, count, handle, signal);
      } catch {
        consumer = undefined;
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #takeBatch(
    consumer: Consumer,
    count: number,
    handle: TakeOptions["handle"],
    signal: AbortSignal,
  ): Promise<void> {
    const beat = this.#nats.cluster.isCluster ? { idle_heartbeat: CLUSTER_BEAT_MS } : {};
    const messages = await consumer.fetch({ max_messages: count, expires: WAIT_MS, ...beat });
    const stop = () => messages.stop();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      for await (const message of messages) handle(this.#workOf(message));
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #consumer(): Promise<Consumer> {
    const config = {
      durable_name: WORKERS,
      ack_policy: AckPolicy.Explicit,
      filter_subject: this.#due(">"),
      ack_wait: UNTOLD_MS * NANOS_PER_MS,
      max_ack_pending: -1,
      max_deliver: -1,
      // A worker alone has its requests waiting here; a lost one ends by its time.
      max_waiting: 512,
    };
    await needsJetStream(this.#nats, () => this.#manager.consumers.add(this.#stream, config));
    return jetstream(this.#nats.connection).consumers.get(this.#stream, WORKERS);
  }

  #workOf(message: JsMsg): DueWork {
    const prefix = this.#due("");
    return {
      key: message.subject.slice(prefix.length),
      data: message.data,
      dueAt: message.time,
      deliveries: message.info.deliveryCount,
      done: async () => {
        await this.#manager.streams.deleteMessage(this.#stream, message.seq, false).catch(() => false);
        message.ack();
      },
      again: (delayMs) => message.nak(delayMs),
      working: () => message.working(),
    };
  }
}
