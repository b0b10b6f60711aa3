/** The types of bindings, the properties of `env` that are no texts. `narun types` writes them into `narun-env.d.ts`. */

/** A value for a store. Plain data (objects, arrays, numbers, booleans) is stored as JSON. */
export type StoredValue = Exclude<BindingValue, null>;

/** The data of a message. Plain data (objects, arrays, numbers, booleans, null) is sent as JSON. */
export type BindingValue =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | ReadableStream
  | number
  | boolean
  | null
  | readonly unknown[]
  | { readonly [key: string]: unknown };

interface ReadValue {
  text(): string;
  json<T = unknown>(): T;
  bytes(): Uint8Array<ArrayBuffer>;
}

/** The value of a key, with the revision for compare-and-set. */
export interface KvEntry extends ReadValue {
  readonly key: string;
  /** Changes with every write of the key. For `ifRevision`. */
  readonly revision: number;
  readonly createdAt: Date;
}

export interface KvReadOptions {
  /**
   * How old the answer may be, in seconds, at least 1. A value, or its absence, that this instance has read within that time
   * is answered from its memory. Its own writes by the same binding are seen at once; those of others, and the end of a key's
   * `ttlSeconds`, as late as that. Default: every read asks the bucket.
   */
  cacheTtl?: number;
}

/** The type of a value, alone or with further options. */
export type KvGetOptions<T extends string> = T | ({ type: T } & KvReadOptions);

export interface KvPutOptions {
  /** How long until the key expires, at least 1 s. Default: never. */
  ttlSeconds?: number;
  /** Writes only if the key still has this revision; 0: only if it does not exist. Error: `KvConflictError`. */
  ifRevision?: number;
}

export type KvChange =
  | ({ readonly type: "put" } & KvEntry)
  | { readonly type: "delete"; readonly key: string; readonly revision: number };

/**
 * A KV bucket (`kv:` in narun.yaml). A key is any text of 1 to 512 bytes. Errors, by their `name`: `KvConflictError` for a
 * lost compare-and-set, `TypeError` and `RangeError` for arguments, `BindingError` for a bucket that is full or does not
 * answer.
 */
export interface KvBucket {
  /** The value as a text; null if the key does not exist. */
  get(key: string, options?: KvGetOptions<"text"> | KvReadOptions): Promise<string | null>;
  get<T = unknown>(key: string, options: KvGetOptions<"json">): Promise<T | null>;
  get(key: string, options: KvGetOptions<"bytes">): Promise<Uint8Array<ArrayBuffer> | null>;
  get(key: string, options: KvGetOptions<"arrayBuffer">): Promise<ArrayBuffer | null>;
  get(key: string, options: KvGetOptions<"stream">): Promise<ReadableStream | null>;
  /** The value with its revision. */
  entry(key: string, options?: KvReadOptions): Promise<KvEntry | null>;
  /** Writes; resolves with the revision. A value is at most as large as one NATS message (`max_payload`). */
  put(key: string, value: StoredValue, options?: KvPutOptions): Promise<number>;
  /** Writes a key that does not exist. Error: `KvConflictError`. */
  create(key: string, value: StoredValue, options?: Pick<KvPutOptions, "ttlSeconds">): Promise<number>;
  /** Deletes the key. A key that does not exist is no error. */
  delete(key: string, options?: Pick<KvPutOptions, "ifRevision">): Promise<void>;
  /**
   * A page of at most 1,000 keys, in the order of their last writes. A key that is written meanwhile moves to the end, and
   * may come again.
   */
  list(options?: { prefix?: string; limit?: number; cursor?: string | undefined }): Promise<{
    keys: { key: string; revision: number }[];
    /** The cursor of the next page; missing on the last page. */
    cursor?: string;
  }>;
  /**
   * The present entries (unless `updatesOnly`), then every change. If a key changes faster than the iterator is read, values
   * in between may be left out. It ends with `signal`, and with the request that began it (its `ctx.waitUntil` included);
   * with `lifetime: "instance"` it ends with the instance.
   */
  watch(options?: {
    prefix?: string;
    updatesOnly?: boolean;
    lifetime?: "request" | "instance";
    signal?: AbortSignal;
  }): AsyncIterableIterator<KvChange>;
}

/** The facts about an object. */
export interface ObjectInfo {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The digest of the body, hex. */
  readonly sha256: string;
  readonly modifiedAt: Date;
  readonly contentType: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** An object. Its body can be read once. A body that is damaged, or is replaced during the read, breaks. */
export interface StoredObject extends ObjectInfo {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  text(): Promise<string>;
  json<T = unknown>(): Promise<T>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** An object store (`objects:` in narun.yaml). A name is any text of 1 to 512 bytes. Bodies of any size are streamed. */
export interface ObjectBucket {
  /** Null if the object does not exist. A large body is fetched as it is read. */
  get(name: string): Promise<StoredObject | null>;
  head(name: string): Promise<ObjectInfo | null>;
  /** Stores an object, which appears when all of it is stored. If its stream breaks, the former object stays. */
  put(
    name: string,
    value: StoredValue,
    options?: { contentType?: string; metadata?: Readonly<Record<string, string>> },
  ): Promise<ObjectInfo>;
  /** Deletes the object. An object that does not exist is no error. */
  delete(name: string): Promise<void>;
  /** A page of at most 1,000 objects, in the order of their last writes. */
  list(options?: { prefix?: string; limit?: number; cursor?: string | undefined }): Promise<{
    objects: ObjectInfo[];
    cursor?: string;
  }>;
}

/** Another function (`service:` in narun.yaml). */
export interface Service {
  /**
   * Calls the function without HTTP in between, and wakes it. The URL may be a path. A failure of the platform is a response
   * with a status and `application/problem+json`, as over HTTP. Redirects are not followed. The promise rejects with the
   * signal's reason, and for a request that is not valid.
   */
  fetch(input: Request | URL | string, init?: RequestInit): Promise<Response>;
}

/** A reply to a request by NATS. */
export interface NatsReply extends ReadValue {
  readonly headers: Readonly<Record<string, string>>;
}

/** The subjects to which a function may publish (`publish:` in narun.yaml). `S`: the type of their texts. */
export interface Publisher<S extends string = string> {
  /** Sends a message. Resolves when it is sent; NATS itself confirms nothing. */
  publish(subject: S, data?: BindingValue, headers?: Readonly<Record<string, string>>): Promise<void>;
  /** Sends a request and waits for one reply: `timeoutMs`, by default 5 s. Error: `BindingError`. */
  request(
    subject: S,
    data?: BindingValue,
    options?: { timeoutMs?: number; headers?: Readonly<Record<string, string>> },
  ): Promise<NatsReply>;
}

/** How an event is published. */
export interface PublishEventOptions {
  /** Keeps it for hearers that come later, until the next retained event of its subject. Without a value: keeps none any more. */
  retain?: boolean;
  /** How many seconds it is kept. Default: as long as the stream keeps events; a retained one for ever. */
  ttl?: number;
  /** Events of one key are handled in their order. Default: the events of one subject are. */
  key?: string;
  /** A second event of this id within ten minutes is not published. Default: a new id. */
  id?: string;
  /** The label for which the value is sealed (docs/encryption.md). Default: that of the binding; without one it is in clear. */
  encrypt?: string;
}

export interface PublishedEvent {
  /** Its place among all events. */
  readonly sequence: number;
  /** An event of this id was there already. */
  readonly isDuplicate: boolean;
}

/** An event that was heard. */
export interface HeardEvent<Value = unknown> extends ReadValue {
  readonly sequence: number;
  readonly subject: string;
  readonly key: string | undefined;
  /** The function that published it. */
  readonly source: string | undefined;
  readonly publishedAt: Date;
  /** Undefined: it has none. Bytes stay bytes. */
  readonly value: Value;
}

/**
 * Events (`events:` in narun.yaml). `S`: the type of the subjects that may be published. Errors, by their `name`: `BindingError`
 * where a subject is not declared, or the event was not stored; `TypeError` and `RangeError` for arguments.
 */
export interface Events<S extends string = string> {
  /** Publishes an event; resolves when it is stored. The value becomes JSON, bytes stay bytes; `undefined`: it has none. */
  publish(subject: S, value?: unknown, options?: PublishEventOptions): Promise<PublishedEvent>;
  /**
   * Waits for the next event of a subject, wildcards allowed: `timeout` milliseconds, by default 5,000, and no longer than the
   * request. Error: `TimeoutError`.
   */
  once<Value = unknown>(subject: string, options?: { timeout?: number }): Promise<HeardEvent<Value>>;
  /** The last event of a subject that is stored, or its retained one; null where there is none. */
  last<Value = unknown>(subject: string): Promise<HeardEvent<Value> | null>;
}

/** A rate limit (`ratelimit:` in narun.yaml): a token bucket for each key, on each node. */
export interface RateLimit {
  /** Uses the key once. `success` is false if its limit is reached; such a call does not count. */
  limit(options: { key: string }): Promise<{ success: boolean }>;
}

/** The state of a workflow. */
export interface WorkflowStatus {
  readonly id: string;
  /** `running`, `waiting`, `paused`, `stuck`, `continued`, `done`, `failed` or `cancelled`. */
  readonly state: string;
  /** When it got there, in epoch milliseconds; undefined before its first record. */
  readonly at: number | undefined;
  /** When it goes on by itself. */
  readonly due: number | undefined;
  /** The error of a workflow that is `failed`, `cancelled` or `stuck`. */
  readonly error: { name: string; message: string; code?: string } | undefined;
}

/** The workflows of a function (`workflow: name` in narun.yaml). */
export interface Workflows<Input = unknown, Result = unknown> {
  /** Starts one. An id that is taken already gives the workflow that has it. Default: a new id. */
  start(id?: string, input?: Input): Promise<{ readonly id: string; readonly isNew: boolean }>;
  /** Sends an event to `ctx.waitFor(name)`. It counts once for a `signalId`. Errors: WorkflowNotFound, WorkflowEnded. */
  signal(id: string, name: string, payload?: unknown, options?: { signalId?: string }): Promise<void>;
  cancel(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Undefined: there is none. */
  status(id: string): Promise<WorkflowStatus | undefined>;
  /**
   * Its result; waits for it, for 30 seconds or `waitMs`. Errors: WorkflowFailed, WorkflowCancelled, WorkflowRunning (the time is
   * over), WorkflowNotFound.
   */
  result(id: string, options?: { waitMs?: number }): Promise<Result>;
}
