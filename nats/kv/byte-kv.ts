/**
 * A KV bucket as functions use it: any text as key, bytes as values, an end of life for each key, compare-and-set.
 *
 * I1  The bucket is made at its first use, and again after it was deleted.
 * I2  A key whose last message is a marker (deleted, or its time was over) is a key that is not there.
 * I3  In a cluster a write that is not answered is tried again; its id lets it be stored once, with any condition.
 * I4  A value has at most the bytes of one message, with room for the fields that the server adds when it is read.
 */
import {
  JetStreamApiError,
  type JetStreamPublishOptions,
  jetstream,
  jetstreamManager,
  type PubAck,
  type StoredMsg,
} from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { type MsgHdrs, RequestError, TimeoutError } from "@nats-io/transport-node";
import type { Nats } from "../connection.ts";
import { MADE_BY_NARUN } from "../copies.ts";
import { withCopies } from "../copies-choice.ts";
import { hasJetStreamCode, isConflict, isStreamMissing, JetStreamCode } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { storeProblem } from "../store-problem.ts";
import { createStoreRoom } from "../store-room.ts";
import { createTurns } from "../turns.ts";
import type { ByteEntry, ByteKvChange, KvPage } from "./byte-entry.ts";
import { isMarker, type OpenBucket } from "./byte-kv-bucket.ts";
import { listByteKv } from "./byte-kv-list.ts";
import { headersOfDelete, headersOfTtl, leastTtlSeconds, MARKER_SECONDS } from "./byte-kv-ttl.ts";
import { watchByteKv } from "./byte-kv-watch.ts";
import { type DirectRead, readDirect } from "./direct-get.ts";
import { encodeKvKey } from "./kv-keys.ts";

/** The outcome of a write. */
export type KvWrite =
  | { ok: true; revision: number }
  /** Another write came in between. */
  | { ok: false; why: "conflict" }
  /** The bucket was made without TTL for its messages. */
  | { ok: false; why: "no-ttl" }
  /** The bucket keeps older values, and lets no key end so soon. */
  | { ok: false; why: "ttl-too-short"; leastSeconds: number }
  /** The bucket, or the server's storage, has no room left. */
  | { ok: false; why: "full" };

/** The bounds of a bucket or store, which its writers keep. */
export interface StoreBounds {
  /** Bytes that the bucket has before a write is refused. Default: any number. */
  maxBytes?: number;
}

export interface KvWriteOptions {
  /** The key must be at this revision; 0: it must not be there. */
  ifRevision?: number | undefined;
}

export interface ByteKv {
  /** The most bytes that a value may have. */
  readonly maxBytes: number;
  get(key: string): Promise<ByteEntry | undefined>;
  put(
    key: string,
    value: Uint8Array,
    options?: KvWriteOptions & { ttlSeconds?: number | undefined },
  ): Promise<KvWrite>;
  /** Makes the bucket where it is missing. */
  make(): Promise<void>;
  /** No error where it is not there. */
  delete(key: string, options?: KvWriteOptions): Promise<KvWrite>;
  /** Keys in the order in which they were last written, beginning behind `after`. */
  list(options: { prefix: string; limit: number; after: number }): Promise<KvPage>;
  /**
   * The entries that there are, where `withPresent`, then every change, until `signal` ends it. At most one message
   * is read ahead of the iterator. Several changes of one key meanwhile may come as the last one only.
   */
  watch(options: {
    prefix: string;
    withPresent: boolean;
    signal: AbortSignal;
  }): AsyncGenerator<ByteKvChange, void>;
}

/** Room in a message for the fields that the server adds when it is read: names, sequence, time. */
const OVERHEAD_BYTES = 4_096;

/** How long one server of a cluster may take to read a key. */
const CLUSTER_ANSWER_MS = 1_500;

/** Upper bound of the lists of one bucket that are under way: each has a consumer, and the server allows a thousand. */
export const MAX_LISTS = 4;

/**
 * A bucket of functions. Nothing is opened before it is used. Errors of all methods: see needsJetStream; of puts also
 * STORE_LIMIT.
 */
export function openByteKv(nats: Nats, bucket: string, { maxBytes: bound }: StoreBounds = {}): ByteKv {
  const room = createStoreRoom(bucket, `KV_${bucket}`, bound ?? Number.POSITIVE_INFINITY);
  let opening: Promise<OpenBucket> | undefined;
  /** The bucket, if its values may be read directly. */
  let direct: OpenBucket | undefined;
  const lists = createTurns(MAX_LISTS);

  const open = async (): Promise<OpenBucket> => {
    const client = jetstream(nats.connection);
    const stream = `KV_${bucket}`;
    const manager = await jetstreamManager(nats.connection);
    // Some users may use a bucket and make none.
    const info = await manager.streams.info(stream).catch(async (missing: unknown) => {
      if (!isStreamMissing(missing)) throw missing;
      const options = { history: 1, markerTTL: MARKER_SECONDS * 1_000, metadata: MADE_BY_NARUN };
      await withCopies(nats.copies, (replicas) =>
        new Kvm(client).create(bucket, { ...options, replicas }),
      ).catch((error: unknown) => {
        // Another process makes it at this moment with another configuration.
        if (!hasJetStreamCode(error, JetStreamCode.streamNameInUse)) throw error;
      });
      return manager.streams.info(stream);
    });
    const opened = { client, manager, stream, prefix: `$KV.${bucket}.`, info };
    direct = info.config.allow_direct === true ? opened : undefined;
    return opened;
  };
  const opened = () => {
    opening ??= needsJetStream(nats, open).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  /** Works with the bucket; with a new one where it was deleted since it was opened (I1). */
  const using = async <T>(work: (bucket: OpenBucket) => Promise<T>): Promise<T> => {
    const isFirst = opening === undefined;
    try {
      return await work(await opened());
    } catch (error) {
      if (isFirst || !isGone(error)) throw error;
      opening = undefined;
      return work(await opened());
    }
  };

  const getByLibrary = (key: string) =>
    using(async (bucket): Promise<ByteEntry | undefined> => {
      const message = await readSurely(nats, bucket, key);
      if (message === null || isMarker(message.header)) return undefined;
      return { bytes: message.data, revision: message.seq, createdAt: message.time };
    });

  return {
    get maxBytes() {
      return nats.maxPayload - OVERHEAD_BYTES;
    },
    async get(key) {
      if (direct === undefined || nats.connection.isClosed()) return getByLibrary(key);
      const read = await readNear(nats, direct, key);
      return read === "unclear" ? getByLibrary(key) : read.found;
    },
    put: (key, value, { ttlSeconds, ifRevision } = {}) =>
      using(async (bucket) => {
        const { config } = bucket.info;
        await needsJetStream(nats, () => room.take(bucket.manager, value.byteLength));
        if (ttlSeconds === undefined) return write(nats, bucket, { key, value, ifRevision });
        const leastSeconds = leastTtlSeconds(config);
        if (ttlSeconds < leastSeconds) return { ok: false, why: "ttl-too-short", leastSeconds };
        return write(nats, bucket, { key, value, headers: headersOfTtl(config, ttlSeconds), ifRevision });
      }),
    make: async () => void (await using(async (bucket) => bucket)),
    delete: (key, { ifRevision } = {}) =>
      using((bucket) => {
        const marker = { value: new Uint8Array(), headers: headersOfDelete(bucket.info.config) };
        return write(nats, bucket, { key, ...marker, ifRevision });
      }),
    list: (options) => lists.run(() => surely(nats, () => using((one) => listByteKv(nats, one, options)))),
    watch: (options) => watchByteKv(nats, opened, options),
  };
}

/** A page has a consumer of its own, whose server may be gone: then another one reads it. */
function surely<T>(nats: Nats, work: () => Promise<T>): Promise<T> {
  return needsJetStream(nats, work, { isLong: true });
}

interface Written {
  key: string;
  value: Uint8Array;
  headers?: MsgHdrs;
  ifRevision: number | undefined;
}

async function write(
  nats: Nats,
  bucket: OpenBucket,
  { key, value, headers, ifRevision }: Written,
): Promise<KvWrite> {
  const subject = bucket.prefix + encodeKvKey(key);
  const send = async (expected: number | undefined): Promise<KvWrite> => {
    const options = {
      ...(headers === undefined ? {} : { headers }),
      ...(expected === undefined ? {} : { expect: { lastSubjectSequence: expected } }),
    };
    try {
      const { seq } = nats.cluster.isCluster
        ? await publishSurely(nats, bucket, {
            subject,
            value,
            options: { ...options, msgID: crypto.randomUUID() },
          })
        : await bucket.client.publish(subject, value, options);
      return { ok: true, revision: seq };
    } catch (error) {
      return refusalOf(error);
    }
  };
  const written = await send(ifRevision);
  if (ifRevision !== 0 || written.ok || written.why !== "conflict") return written;
  // A marker stands in the way of a key that is not there.
  const last = await readSurely(nats, bucket, key);
  return last !== null && isMarker(last.header) ? send(last.seq) : written;
}

interface Publication {
  subject: string;
  value: Uint8Array;
  options: Partial<JetStreamPublishOptions> & { msgID: string };
}

/** In a cluster an answer may be lost with a server: the write is tried again, and by its id it is stored once. */
function publishSurely(
  nats: Nats,
  { client, manager, stream }: OpenBucket,
  { subject, value, options }: Publication,
): Promise<PubAck> {
  let attempts = 0;
  return needsJetStream(nats, async () => {
    attempts += 1;
    try {
      return await client.publish(subject, value, options);
    } catch (error) {
      // No responders: an election, or a bucket that is gone, which this tells.
      if (isGone(error)) await manager.streams.info(stream);
      if (attempts === 1 || !isConflict(error)) throw error;
      // A new leader may find the attempt before in its log only after it has taken this one. By now it knows its id.
      return await client.publish(subject, value, options);
    }
  });
}

/** Reads a copy. In a cluster its server may have died, or be cut off: then another one is asked. */
async function readNear(nats: Nats, { stream, prefix }: OpenBucket, key: string): Promise<DirectRead> {
  const place = { stream, subject: prefix + encodeKvKey(key) };
  if (!nats.cluster.isCluster) return readDirect(nats, place);
  try {
    return await readDirect(nats, { ...place, timeoutMs: CLUSTER_ANSWER_MS });
  } catch (error) {
    if (error instanceof TimeoutError) return "unclear";
    throw error;
  }
}

/** In a cluster the request may be lost with a server. */
function readSurely(nats: Nats, bucket: OpenBucket, key: string): Promise<StoredMsg | null> {
  if (!nats.cluster.isCluster) return readLast(bucket, key);
  return needsJetStream(nats, async () => {
    try {
      return await readLast(bucket, key);
    } catch (error) {
      // As for a write: an election, or a bucket that is gone.
      if (isGone(error)) await bucket.manager.streams.info(bucket.stream);
      throw error;
    }
  });
}

function readLast({ manager, stream, prefix, info }: OpenBucket, key: string): Promise<StoredMsg | null> {
  const query = { last_by_subj: prefix + encodeKvKey(key) };
  return info.config.allow_direct === true
    ? manager.direct.getMessage(stream, query)
    : manager.streams.getMessage(stream, query);
}

function refusalOf(error: unknown): KvWrite {
  if (error instanceof JetStreamApiError) {
    if (isConflict(error)) return { ok: false, why: "conflict" };
    if (hasJetStreamCode(error, JetStreamCode.ttlDisabled)) return { ok: false, why: "no-ttl" };
    if (storeProblem(error) === "full") return { ok: false, why: "full" };
  }
  throw error;
}

/** Whether the stream is missing: the API says so, or its subjects have no responders. */
function isGone(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return isStreamMissing(error);
  if (error instanceof RequestError) return error.isNoResponders();
  // The library does not export this class.
  return error instanceof Error && error.name === "JetStreamNotEnabled";
}
