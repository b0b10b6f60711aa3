import type { ReadableStream } from "../streams/streams.ts";
import { bindMethods } from "./bind-methods.ts";
import { callBinding } from "./host-result.ts";
import { KvWatch, type KvWatchOptions } from "./kv-watch.ts";
import {
  requireKnownOptions,
  requireNoMore,
  requireOneOf,
  requireSignal,
  requireStorable,
  requireText,
} from "./options.ts";
import { arrivedBytes, crossingValue, dropCrossing, type ReadValue, readValue, streamOf } from "./values.ts";

const TYPES = ["text", "json", "bytes", "arrayBuffer", "stream"] as const;
type KvType = (typeof TYPES)[number];

interface KvEntry extends ReadValue {
  key: string;
  revision: number;
  createdAt: Date;
}

interface PutOptions {
  ttlSeconds?: number;
  ifRevision?: number;
}

/** The hint for `null`, `undefined` and numbers that JSON does not have. */
const NO_VALUE = 'delete(key) removes a key, "" is an empty value';

/** The object of a KV bucket in `env` (functions/sdk: KvBucket). */
export class KvBucket {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    bindMethods(this);
  }

  get(key: string, type?: "text"): Promise<string | null>;
  get<T = unknown>(key: string, type: "json"): Promise<T | null>;
  get(key: string, type: "bytes"): Promise<Uint8Array<ArrayBuffer> | null>;
  get(key: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
  get(key: string, type: "stream"): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | null>;
  async get(key: string, type: KvType = "text", ...more: unknown[]): Promise<unknown> {
    requireText("KV.get", "key", key);
    if (typeof type === "object" && type !== null) requireNoMore("KV.get", "(key, type)", [type]);
    requireOneOf("KV.get", "the type", type, TYPES);
    requireNoMore("KV.get", "(key, type)", more);
    const entry = await this.#read(key);
    return entry === null ? null : valueAs(entry, type);
  }

  async entry(key: string, ...more: unknown[]): Promise<KvEntry | null> {
    requireText("KV.entry", "key", key);
    requireNoMore("KV.entry", "(key)", more);
    return this.#read(key);
  }

  async #read(key: string): Promise<KvEntry | null> {
    const found = (await callBinding("kv.get", this.#name, key)) as
      | [revision: number, createdAt: number, value: ArrayBuffer | number]
      | undefined;
    if (found === undefined) return null;
    const [revision, createdAt, value] = found;
    const bytes = await arrivedBytes(value);
    return { key, revision, createdAt: new Date(createdAt), ...readValue(bytes) };
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
    try {
      return (await callBinding("kv.put", this.#name, key, crossing, ttlSeconds, ifRevision)) as number;
    } catch (error) {
      dropCrossing(crossing);
      throw error;
    }
  }

  async delete(key: string, options: Pick<PutOptions, "ifRevision"> = {}, ...more: unknown[]): Promise<void> {
    requireText("KV.delete", "key", key);
    requireKnownOptions("KV.delete", options, ["ifRevision"]);
    requireNoMore("KV.delete", "(key, options)", more);
    await callBinding("kv.delete", this.#name, key, options.ifRevision);
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

function valueAs(entry: KvEntry, type: KvType): unknown {
  switch (type) {
    case "text":
      return entry.text();
    case "json":
      return entry.json();
    case "bytes":
      return entry.bytes();
    case "arrayBuffer":
      return entry.bytes().buffer;
    case "stream":
      return streamOf(entry.bytes());
  }
}
