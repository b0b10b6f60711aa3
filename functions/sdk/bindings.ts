/** The types of bindings: what `env` has besides texts. `narun types` writes them into `narun-env.d.ts` for a function. */

/** What a value in a store may be. Plain data (objects, arrays, numbers, booleans) is kept as JSON. */
export type StoredValue = Exclude<BindingValue, null>;

/** What a message may be. Plain data (objects, arrays, numbers, booleans, null) is sent as JSON. */
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

/** A key's value as it was read, with what compare-and-set needs. */
export interface KvEntry extends ReadValue {
  readonly key: string;
  /** Changes with every write of the key. For `ifRevision`. */
  readonly revision: number;
  readonly createdAt: Date;
}

export interface KvPutOptions {
  /** The key ends by itself after so long, at least 1 s. Default: never. */
  ttlSeconds?: number;
  /** Write only where the key is still at this revision; 0: only where it is not there. Error: `KvConflictError`. */
  ifRevision?: number;
}

export type KvChange =
  | ({ readonly type: "put" } & KvEntry)
  | { readonly type: "delete"; readonly key: string; readonly revision: number };

/**
 * A KV bucket (`kv:` in narun.yaml). Keys are any texts of 1 to 512 bytes. Errors, by their `name`: `KvConflictError`, where
 * a compare-and-set lost; `TypeError` and `RangeError` for arguments; `BindingError`, where the bucket does not answer or is
 * full.
 */
export interface KvBucket {
  /** The value as a text; null where the key is not there. */
  get(key: string, type?: "text"): Promise<string | null>;
  get<T = unknown>(key: string, type: "json"): Promise<T | null>;
  get(key: string, type: "bytes"): Promise<Uint8Array<ArrayBuffer> | null>;
  get(key: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
  get(key: string, type: "stream"): Promise<ReadableStream | null>;
  /** The value with its revision. */
  entry(key: string): Promise<KvEntry | null>;
  /** Writes; resolves with the revision. A value is at most what one NATS message carries (`max_payload`). */
  put(key: string, value: StoredValue, options?: KvPutOptions): Promise<number>;
  /** Writes a key that is not there. Error: `KvConflictError`. */
  create(key: string, value: StoredValue, options?: Pick<KvPutOptions, "ttlSeconds">): Promise<number>;
  /** No error where it is not there. */
  delete(key: string, options?: Pick<KvPutOptions, "ifRevision">): Promise<void>;
  /**
   * A page of keys in the order in which they were last written, 1,000 at most. A key that is written meanwhile moves to the
   * end, and may come again.
   */
  list(options?: { prefix?: string; limit?: number; cursor?: string | undefined }): Promise<{
    keys: { key: string; revision: number }[];
    /** For the next page; missing after the last one. */
    cursor?: string;
  }>;
  /**
   * What is there (unless `updatesOnly`), then every change as it happens, for as long as somebody iterates. A reader who is
   * slow gets, of a key that changed several times, perhaps only the last. It ends with `signal`, and with the request on
   * whose behalf it was begun (work of `ctx.waitUntil` included), or with `lifetime: "instance"` with the instance.
   */
  watch(options?: {
    prefix?: string;
    updatesOnly?: boolean;
    lifetime?: "request" | "instance";
    signal?: AbortSignal;
  }): AsyncIterableIterator<KvChange>;
}

/** What is known of an object without its body. */
export interface ObjectInfo {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Of the body, hex. */
  readonly sha256: string;
  readonly modifiedAt: Date;
  readonly contentType: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** An object whose body can be read once. A body that is damaged, or replaced while it is read, breaks. */
export interface StoredObject extends ObjectInfo {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  text(): Promise<string>;
  json<T = unknown>(): Promise<T>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** An object store (`objects:` in narun.yaml). Names are any texts of 1 to 512 bytes, bodies of any size are streamed. */
export interface ObjectBucket {
  /** Null where it is not there. Nothing of a large body comes before it is read. */
  get(name: string): Promise<StoredObject | null>;
  head(name: string): Promise<ObjectInfo | null>;
  /** Appears when all of it is stored. Where a stream breaks, what was there before stays. */
  put(
    name: string,
    value: StoredValue,
    options?: { contentType?: string; metadata?: Readonly<Record<string, string>> },
  ): Promise<ObjectInfo>;
  /** No error where it is not there. */
  delete(name: string): Promise<void>;
  /** A page of objects in the order in which they were last written, 1,000 at most. */
  list(options?: { prefix?: string; limit?: number; cursor?: string | undefined }): Promise<{
    objects: ObjectInfo[];
    cursor?: string;
  }>;
}

/** Another function (`service:` in narun.yaml). */
export interface Service {
  /**
   * Calls it with no HTTP in between, and wakes it where it sleeps. A path alone will do as URL. What the platform cannot do
   * comes as a response, as HTTP would have it: status, and `application/problem+json`. Redirects are not followed. It
   * rejects with the signal's reason, and where the request itself is not valid.
   */
  fetch(input: Request | URL | string, init?: RequestInit): Promise<Response>;
}

/** A reply to a request by NATS. */
export interface NatsReply extends ReadValue {
  readonly headers: Readonly<Record<string, string>>;
}

/** The subjects that a function may publish to (`publish:` in narun.yaml). `S`: their texts. */
export interface Publisher<S extends string = string> {
  /** Resolves when the message is on its way; NATS itself confirms nothing. */
  publish(subject: S, data?: BindingValue, headers?: Readonly<Record<string, string>>): Promise<void>;
  /** Publishes and waits for one reply, 5 s unless `timeoutMs` says otherwise. Error: `BindingError`. */
  request(
    subject: S,
    data?: BindingValue,
    options?: { timeoutMs?: number; headers?: Readonly<Record<string, string>> },
  ): Promise<NatsReply>;
}

/** A rate limit (`ratelimit:` in narun.yaml): a token bucket for each key, on each node. */
export interface RateLimit {
  /** Uses the key once. `success` is false where its limit is reached; such a call does not count. */
  limit(options: { key: string }): Promise<{ success: boolean }>;
}
