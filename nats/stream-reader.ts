/**
 * A consumer for one reader, who follows a stream or reads headers only. The server allows a thousand consumers on a
 * stream:
 *
 * I1  A reader is deleted when its owner disposes of it, and already when its signal aborts: the connection may close
 *     then.
 * I2  A reader whose process died is deleted by the server soon. The client library's own would stay for five
 *     minutes.
 * I3  A reader that is gone at the server (deleted by hand, its node dead) shows within seconds, as an error of the
 *     batch: after two beats.
 * I4  A reader is lost once its connection was away and is back, as the server may be another one. Its batches end
 *     then, and a reader that is being opened fails at once: a request under way would wait for its whole time.
 * I5  A message that was delivered and did not arrive ends the reader: the server does not send it again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  type ConsumerMessages,
  DeliverPolicy,
  JetStreamError,
  type JetStreamManager,
  type JsMsg,
  jetstream,
} from "@nats-io/jetstream";
import type { Nats } from "./connection.ts";
import { hasJetStreamCode, JetStreamCode } from "./jetstream-errors.ts";

export interface ReaderOptions {
  nats: Nats;
  manager: JetStreamManager;
  stream: string;
  filters: readonly string[];
  /** Where to begin: a sequence, or the last message of each subject. */
  from: number | "last-of-each";
  headersOnly?: boolean;
  /** Ends the batch that is under way, and the reader. */
  signal?: AbortSignal | undefined;
}

export interface StreamReader {
  /** Messages that there were when it was opened. */
  readonly pending: number;
  /** The connection has been away: the owner opens another reader. */
  readonly isLost: boolean;
  /**
   * The messages within `waitMs`, or until the batch has its upper bound of messages or bytes. The server shows every `beatMs`
   * that the reader is there: each beat wakes this process and the server.
   */
  batch(options: { waitMs: number; beatMs?: number }): AsyncGenerator<JsMsg, void>;
  /** Deletes the consumer; resolves when it is gone, or cannot be reached. */
  [Symbol.asyncDispose](): Promise<void>;
}

const NANOS_PER_MS = 1_000_000;

/**
 * How long the server keeps a consumer without requests. Shorter than any pause that narun makes between two batches.
 */
const KEPT_MS = 30_000;

/** Two missed beats say that the reader is gone. */
const BEAT_MS = 1_000;

/** A reader that follows waits for most of its life, and each beat wakes this process and the server. A lost one shows within 6 s. */
const FOLLOW_BEAT_MS = 3_000;

const BATCH_HEADERS = 256;

/** Room for the fields of a message besides its payload. */
const SLACK_BYTES = 64 * 1024;

/** How often, and with which growing pause, a reader waits for room: five seconds in all. */
const ROOM_ATTEMPTS = 10;
const ROOM_DELAY_MS = 100;

/** How often a follower's reader shows that it is there: in a cluster its server may die alone, and more often. */
export function followBeatMs({ cluster }: Pick<Nats, "cluster">): number {
  return cluster.isCluster ? BEAT_MS : FOLLOW_BEAT_MS;
}

/** Opens a reader. Rejects where the stream is missing, or the connection is lost meanwhile. */
export async function openReader(options: ReaderOptions): Promise<StreamReader> {
  const { nats, manager, stream, headersOnly = false, signal } = options;
  const lost = new AbortController();
  const forget = nats.onState((state) => state !== "reconnecting" && lost.abort());
  const adding = addWhereRoom(manager, stream, configOf(options));
  const info = await untilAborted(adding, lost.signal).catch((error: unknown) => {
    forget();
    throw error;
  });
  const { name, num_pending: pending } = info;
  const end = signal === undefined ? lost.signal : AbortSignal.any([signal, lost.signal]);
  const leave = () => {
    // A server that is away deletes the consumer by itself.
    if (nats.state === "connected") nats.connection.publish(`$JS.API.CONSUMER.DELETE.${stream}.${name}`);
  };
  signal?.addEventListener("abort", leave, { once: true });
  if (signal?.aborted) leave();
  const consumer = jetstream(nats.connection).consumers.getConsumerFromInfo(info);
  let delivered = 0;
  let isBroken = false;
  return {
    pending,
    get isLost() {
      return lost.signal.aborted;
    },
    async *batch({ waitMs, beatMs = BEAT_MS }) {
      // One message that is larger than the bound would never come.
      const bounds = headersOnly
        ? { max_messages: BATCH_HEADERS }
        : { max_bytes: nats.maxPayload + SLACK_BYTES };
      let messages: ConsumerMessages | undefined;
      let hasCome = false;
      const stop = () => messages?.stop();
      end.addEventListener("abort", stop, { once: true });
      try {
        messages = await consumer.fetch({ ...bounds, expires: waitMs, idle_heartbeat: beatMs });
        if (end.aborted) stop();
        for await (const message of messages) {
          hasCome = message.info.deliverySequence === delivered + 1;
          if (!hasCome) throw new JetStreamError(`${stream}: ${name} misses a message`);
          delivered += 1;
          yield message;
        }
      } catch (error) {
        // A reached bound of bytes counts as an error, too. After another error the next batch brings nothing.
        isBroken = !hasCome;
        if (isBroken) throw error;
      } finally {
        end.removeEventListener("abort", stop);
        stop();
      }
    },
    async [Symbol.asyncDispose]() {
      forget();
      signal?.removeEventListener("abort", leave);
      if (signal?.aborted || nats.state !== "connected") return;
      // A server that is gone does not answer, and the owner would wait for it.
      if (isBroken || lost.signal.aborted) return leave();
      await manager.consumers.delete(stream, name).catch(() => false);
    },
  };
}

function configOf({ filters, from, headersOnly = false }: ReaderOptions): Partial<ConsumerConfig> {
  const [only] = filters;
  return {
    name: crypto.randomUUID(),
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: KEPT_MS * NANOS_PER_MS,
    headers_only: headersOnly,
    // One filter alone stands in the request's subject, where permissions see it.
    ...(filters.length === 1 && only !== undefined
      ? { filter_subject: only }
      : { filter_subjects: [...filters] }),
    ...(from === "last-of-each"
      ? { deliver_policy: DeliverPolicy.LastPerSubject }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from }),
  };
}

/** Waits a little where the stream has all the consumers that it may have: others are read to their end and go. */
async function addWhereRoom(
  manager: JetStreamManager,
  stream: string,
  config: Partial<ConsumerConfig>,
): Promise<ConsumerInfo> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await manager.consumers.add(stream, config);
    } catch (error) {
      const isFull = hasJetStreamCode(error, JetStreamCode.consumersLimit);
      if (!isFull || attempt === ROOM_ATTEMPTS) throw error;
      await sleep(ROOM_DELAY_MS * (attempt + Math.random()));
    }
  }
}

/** Gives up waiting when the signal aborts. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", onAbort));
}
