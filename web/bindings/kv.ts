import { timeStamp } from "../performance/clock.ts";
import type { ReadableStream } from "../streams/streams.ts";
import { bindMethods } from "./bind-methods.ts";
import { callBinding } from "./host-result.ts";
import { type Arrived, KvCache, KvValue } from "./kv-cache.ts";
import { KvWatch, type KvWatchOptions } from "./kv-watch.ts";
import {
  requireCacheTtl,
  requireKnownOptions,
  requireNoMore,
  requireOneOf,
  requireSignal,
  requireStorable,
  requireText,
} from "./options.ts";
import { arrivedBytes, crossingValue, dropCrossing, type ReadValue, streamOf } from "./values.ts";

const TYPES = ["text", "json", "bytes", "arrayBuffer", "stream"] as const;
type KvType = (typeof TYPES)[number];

interface KvEntry extends ReadValue {
  key: string;
  revision: number;
  createdAt: Date;
}

interface ReadOptions {
  cacheTtl?: number;
}

interface GetOptions extends ReadOptions {
  type?: KvType;
}

/** The type of the value alone, or with further options. */
type How<T extends KvType> = T | (ReadOptions & { type: T });

interface PutOptions {
  ttlSeconds?: number;
  ifRevision?: number;
}

/** The hint for `null`, `undefined` and numbers that JSON does not have. */
const NO_VALUE = 'delete(key) removes a key, "" is an empty value';

/** The object of a KV bucket in `env` (functions/sdk: KvBucket). */
export class KvBucket {
  readonly #name: string;
  /** Made by the first read that may be answered out of it. */
  #cache: KvCache | undefined;

  constructor(name: string) {
    this.#name = name;
    bindMethods(this);
  }

  get(key: string, how?: How<"text"> | ReadOptions): Promise<string | null>;
  get<T = unknown>(key: string, how: How<"json">): Promise<T | null>;
  get(key: string, how: How<"bytes">): Promise<Uint8Array<ArrayBuffer> | null>;
  get(key: string, how: How<"arrayBuffer">): Promise<ArrayBuffer | null>;
  get(key: string, how: How<"stream">): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | null>;
  async get(key: string, how: KvType | GetOptions = "text", ...more: unknown[]): Promise<unknown> {
    requireText("KV.get", "key", key);
    const { type = "text", cacheTtl } = isOptions(how) ? how : { type: how, cacheTtl: undefined };
    if (isOptions(how)) requireKnownOptions("KV.get", how, ["type", "cacheTtl"]);
    requireOneOf("KV.get", "the type", type, TYPES);
    requireCacheTtl("KV.get", cacheTtl);
    requireNoMore("KV.get", "(key, type) or (key, { type, cacheTtl })", more);
    const kept = this.#find(key, cacheTtl);
    const value = kept === undefined ? await this.#read(key, cacheTtl) : kept.value;
    return value === undefined ? null : valueAs(value, type);
  }

  async entry(key: string, options: ReadOptions = {}, ...more: unknown[]): Promise<KvEntry | null> {
    requireText("KV.entry", "key", key);
    requireKnownOptions("KV.entry", options, ["cacheTtl"]);
    requireCacheTtl("KV.entry", options.cacheTtl);
    requireNoMore("KV.entry", "(key, options)", more);
    const kept = this.#find(key, options.cacheTtl);
    const value = kept === undefined ? await this.#read(key, options.cacheTtl) : kept.value;
    return value === undefined ? null : entryOf(key, value);
  }

  #find(key: string, cacheTtl: number | undefined): { value: KvValue | undefined } | undefined {
    return cacheTtl === undefined ? undefined : this.#cache?.find(key, cacheTtl * 1_000, timeStamp());
  }

  /** Reads a value, and keeps it for later reads if `cacheTtl` says that there are some. */
  async #read(key: string, cacheTtl: number | undefined): Promise<KvValue | undefined> {
    if (cacheTtl === undefined) {
      const arrived = await this.#ask(key);
      return arrived && new KvValue(arrived, { isShared: false });
    }
    this.#cache ??= new KvCache();
    const reading = this.#cache.begin(key, timeStamp());
    return this.#cache.end(reading, await this.#ask(key));
  }

  async #ask(key: string): Promise<Arrived | undefined> {
    const found = (await callBinding("kv.get", this.#name, key)) as
      | [revision: number, createdAt: number, value: ArrayBuffer | number]
      | undefined;
    if (found === undefined) return undefined;
    const [revision, createdAt, value] = found;
    return { revision, createdAt, bytes: typeof value === "number" ? await arrivedBytes(value) : value };
  }

  async put(key: string, value: unknown, options: PutOptions = {}, ...more: unknown[]): Promise<number> {
    requireText("KV.put", "key", key);
    requireStorable("KV.put", value, NO_VALUE);
    requireKnownOptions("KV.put", options, ["ttlSeconds", "ifRevision"]);
    requireNoMore("KV.put", "(key, value, options)", more);
    return this.#write(key, value, options);
  }

  async create(
    key: string,
    value: unknown,
    options: Omit<PutOptions, "ifRevision"> = {},
    ...more: unknown[]
  ): Promise<number> {
    requireText("KV.create", "key", key);
    requireStorable("KV.create", value, NO_VALUE);
    requireKnownOptions("KV.create", options, ["ttlSeconds"]);
    requireNoMore("KV.create", "(key, value, options)", more);
    return this.#write(key, value, { ...options, ifRevision: 0 });
  }

  async #write(key: string, value: unknown, { ttlSeconds, ifRevision }: PutOptions): Promise<number> {
    const crossing = await crossingValue(value);
    this.#cache?.forget(key);
    try {
      return (await callBinding("kv.put", this.#name, key, crossing, ttlSeconds, ifRevision)) as number;
    } catch (error) {
      dropCrossing(crossing);
      throw error;
    } finally {
      this.#cache?.forget(key);
    }
  }

  async delete(key: string, options: Pick<PutOptions, "ifRevision"> = {}, ...more: unknown[]): Promise<void> {
    requireText("KV.delete", "key", key);
    requireKnownOptions("KV.delete", options, ["ifRevision"]);
    requireNoMore("KV.delete", "(key, options)", more);
    this.#cache?.forget(key);
    try {
      await callBinding("kv.delete", this.#name, key, options.ifRevision);
    } finally {
      this.#cache?.forget(key);
    }
  }

  async list(
    options: { prefix?: string; limit?: number; cursor?: string } = {},
    ...more: unknown[]
  ): Promise<{ keys: { key: string; revision: number }[]; cursor?: string }> {
    requireKnownOptions("KV.list", options, ["prefix", "limit", "cursor"]);
    requireNoMore("KV.list", "(options)", more);
    const { prefix = "", limit, cursor } = options;
    const [keys, revisions, next] = (await callBinding("kv.list", this.#name, prefix, limit, cursor)) as [
      string[],
      number[],
      string | undefined,
    ];
    const page = { keys: keys.map((key, index) => ({ key, revision: revisions[index] ?? 0 })) };
    return next === undefined ? page : { ...page, cursor: next };
  }

  watch(options: KvWatchOptions = {}, ...more: unknown[]): KvWatch {
    requireKnownOptions("KV.watch", options, ["prefix", "updatesOnly", "lifetime", "signal"]);
    requireNoMore("KV.watch", "(options)", more);
    if (options.prefix !== undefined) requireText("KV.watch", "prefix", options.prefix);
    requireOneOf("KV.watch", "updatesOnly", options.updatesOnly, [true, false]);
    requireOneOf("KV.watch", "lifetime", options.lifetime, ["request", "instance"]);
    requireSignal("KV.watch", options.signal);
    return new KvWatch(this.#name, options);
  }

  get [Symbol.toStringTag](): string {
    return "KvBucket";
  }
}

function isOptions(how: KvType | GetOptions): how is GetOptions {
  return typeof how === "object" && how !== null;
}

function entryOf(key: string, value: KvValue): KvEntry {
  return {
    key,
    revision: value.revision,
    createdAt: new Date(value.createdAt),
    text: () => value.text(),
    json: () => value.json(),
    bytes: () => value.bytes(),
  };
}

function valueAs(value: KvValue, type: KvType): unknown {
  switch (type) {
    case "text":
      return value.text();
    case "json":
      return value.json();
    case "bytes":
      return value.bytes();
    case "arrayBuffer":
      return value.bytes().buffer;
    case "stream":
      return streamOf(value.bytes());
  }
}
