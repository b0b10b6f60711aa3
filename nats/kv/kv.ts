import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { headers as createMsgHeaders } from "@nats-io/transport-node";
import { messageOf, NarunError } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { withCopies } from "../copies-choice.ts";
import { isConflict } from "../jetstream-errors.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { openOwnStream } from "../own-stream.ts";
import { publishSurely } from "../publish-surely.ts";
import { type ReadStoredOptions, readStored, type StoredMessage } from "../stored-messages.ts";
import { isMarker, OPERATION } from "./byte-kv-bucket.ts";
import type { KvChange, KvRaw, KvRead } from "./kv-read.ts";
import { watchKv } from "./kv-watch.ts";
import { type LastWrite, settleWrite } from "./settled-write.ts";

/** Default upper bound of a value that is read. */
const MAX_VALUE_BYTES = 1024 * 1024;

/** Upper bound of the reason for an invalid value: a parser may find fault with each of its parts. */
const MAX_REASON_CHARACTERS = 2_000;

/**
 * How a bucket's values are read and written. `decode` throws a NarunError with the reason where a value is not valid. It bounds
 * its work before it parses: anybody with access to the bucket may write anything, and the reader serves others meanwhile.
 */
export interface KvCodec<T> {
  decode(text: string, key: string): T;
  encode(value: T): string;
  /** Upper bound of a value's bytes; a larger one is not valid, and not decoded. Default 1 MiB. */
  maxBytes?: number;
}

export interface KvBucketOptions {
  bucket: string;
  history?: number;
  /** How long entries stay after they were written. */
  ttlMs?: number;
}

/** A KV bucket whose values are parsed when they are read. Error of its methods: NATS_JETSTREAM_UNAVAILABLE. */
export interface TypedKv<T> {
  get(key: string): Promise<KvRead<T> | undefined>;
  /** Every key, or the keys under a filter, in the order of their last writes. */
  list(filter?: string): Promise<KvRead<T>[]>;
  put(key: string, value: T): Promise<number>;
  /** Writes a key that must not exist; undefined where it does. */
  create(key: string, value: T): Promise<number | undefined>;
  /** Writes a key that must still be at `revision`; undefined where it is not. */
  update(key: string, value: T, revision: number): Promise<number | undefined>;
  /** Only where it is still at `revision`, if one is given. */
  delete(key: string, revision?: number): Promise<void>;
  /**
   * Calls back with every entry, then with every change, until `signal` ends it. After NATS was away, all changes of
   * that time come, none twice. Where several changes of one key follow each other at once, only the last is certain
   * to come. An entry that vanishes by its TTL is not reported while the watch runs: a reader of such a bucket checks
   * the age of its values. Resolves once the present entries were handed over, or when `signal` ended it before;
   * rejects where the bucket cannot be read at the start.
   */
  watch(onChange: (change: KvChange<T>) => void, signal: AbortSignal): Promise<void>;
}

/** Opens a bucket, creating it where it is missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openKv<T>(
  nats: Nats,
  options: KvBucketOptions,
  codec: KvCodec<T>,
): Promise<TypedKv<T>> {
  const stream = `KV_${options.bucket}`;
  const prefix = `$KV.${options.bucket}.`;
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const kvm = new Kvm(jetstream(nats.connection, answerTime(nats)));
  const kv = await needsJetStream(nats, () =>
    openOwnStream(
      manager,
      { stream, subjects: [`${prefix}>`] },
      () =>
        withCopies(nats.copies, (replicas) =>
          kvm.create(options.bucket, {
            history: options.history ?? 1,
            replicas,
            ...(options.ttlMs === undefined ? {} : { ttl: options.ttlMs }),
          }),
        ),
      ({ allow_direct = false }) => kvm.open(options.bucket, { allow_direct }),
    ),
  );
  const bucket = { nats, manager, stream, prefix };
  const { maxBytes = MAX_VALUE_BYTES } = codec;
  const read = ({ key, revision, createdAt, data }: KvRaw): KvRead<T> => {
    const facts = { key, revision, createdAt };
    try {
      if (data.byteLength > maxBytes)
        throw new RangeError(`it has ${data.byteLength} bytes; at most ${maxBytes} are read`);
      return { ok: true, ...facts, value: codec.decode(decoder.decode(data), key) };
    } catch (error) {
      const known = error instanceof NarunError;
      return { ok: false, ...facts, error: known ? error : invalid(options.bucket, key, error) };
    }
  };

  const write = <R>(work: () => Promise<R>) => needsJetStream(nats, work, { mayRepeat: false });
  const settle = (key: string, text: string, expected: number, work: () => Promise<number>) =>
    settleWrite({
      text,
      expected,
      write: () => undefinedOnConflict(write(work)),
      read: () => needsJetStream(nats, () => readByLeader(bucket, key)),
    });

  return {
    async get(key) {
      const entry = await needsJetStream(nats, () => kv.get(key));
      if (entry === null || entry.operation !== "PUT") return undefined;
      return read({ key, revision: entry.revision, createdAt: entry.created, data: entry.value });
    },
    async list(filter = ">") {
      const entries = await needsJetStream(nats, () => readEntries(bucket, filter));
      return entries.map(read);
    },
    put: (key, value) => {
      const text = codec.encode(value);
      return nats.cluster.isCluster ? putSurely(bucket, key, text) : write(() => kv.put(key, text));
    },
    create(key, value) {
      const text = codec.encode(value);
      return settle(key, text, 0, () => kv.create(key, text));
    },
    update(key, value, revision) {
      const text = codec.encode(value);
      return settle(key, text, revision, () => kv.update(key, text, revision));
    },
    async delete(key, revision) {
      const options = revision === undefined ? {} : { previousSeq: revision };
      await undefinedOnConflict(
        nats.cluster.isCluster ? deleteSurely(bucket, key, revision) : write(() => kv.delete(key, options)),
      );
    },
    watch: (onChange, signal) => watchKv({ ...bucket, read, onChange, signal }),
  };
}

const decoder = new TextDecoder();

/** Where a bucket's values are. */
interface KvSource extends Omit<ReadStoredOptions, "filter"> {
  prefix: string;
}

/** How long a server of a cluster may take to answer: another one is there. Default: as long as the client library waits. */
const CLUSTER_ANSWER_MS = 1_500;

function answerTime({ cluster }: Nats): { timeout?: number } {
  return cluster.isCluster ? { timeout: CLUSTER_ANSWER_MS } : {};
}

async function putSurely({ nats, prefix }: KvSource, key: string, text: string): Promise<number> {
  if (!KEY.test(key)) throw new RangeError(`${key} is no key`);
  const client = jetstream(nats.connection);
  return (await publishSurely(nats, client, prefix + key, text, { timeout: CLUSTER_ANSWER_MS })).seq;
}

/** As the client library's own deletion. */
async function deleteSurely({ nats, prefix }: KvSource, key: string, revision?: number): Promise<void> {
  if (!KEY.test(key)) throw new RangeError(`${key} is no key`);
  const headers = () => {
    const fields = createMsgHeaders();
    fields.set(OPERATION, "DEL");
    return fields;
  };
  const expect = revision === undefined ? {} : { expect: { lastSubjectSequence: revision } };
  const options = { headers, timeout: CLUSTER_ANSWER_MS, ...expect };
  await publishSurely(nats, jetstream(nats.connection), prefix + key, "", options);
}

/** A key, as the client library has it. */
const KEY = /^[-/=.\w]+$/;

/** A deleted key counts as none, at revision 0. */
async function readByLeader({ manager, stream, prefix }: KvSource, key: string): Promise<LastWrite> {
  const last = await manager.streams.getMessage(stream, { last_by_subj: prefix + key });
  if (last === null || isMarker(last.header)) return { revision: 0, text: undefined };
  return { revision: last.seq, text: last.string() };
}

async function readEntries(bucket: KvSource, filter: string): Promise<KvRaw[]> {
  const found = new Map<string, KvRaw>();
  for await (const message of readStored({ ...bucket, filter: bucket.prefix + filter })) {
    const entry = toRaw(message, bucket.prefix);
    // Older values come first, where the bucket keeps any.
    if (isMarker(message.headers)) found.delete(entry.key);
    else found.set(entry.key, entry);
  }
  return [...found.values()];
}

function toRaw({ subject, seq, time, data }: StoredMessage, prefix: string): KvRaw {
  return { key: subject.slice(prefix.length), revision: seq, createdAt: time, data };
}

async function undefinedOnConflict<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (isConflict(error)) return undefined;
    throw error;
  }
}

function invalid(bucket: string, key: string, cause: unknown): NarunError {
  return new NarunError(
    "SPEC_INVALID",
    { detail: `${bucket}/${key}: ${messageOf(cause).slice(0, MAX_REASON_CHARACTERS)}` },
    { cause },
  );
}
