import { callBinding } from "./host-result.ts";
import { KvWatch, type KvWatchOptions } from "./kv-watch.ts";
import { requireKnownOptions } from "./options.ts";
import { arrivedBytes, crossingValue, dropCrossing, type ReadValue, readValue, streamOf } from "./values.ts";

type KvType = "text" | "json" | "bytes" | "arrayBuffer" | "stream";

interface KvEntry extends ReadValue {
  key: string;
  revision: number;
  createdAt: Date;
}

interface PutOptions {
  ttlSeconds?: number;
  ifRevision?: number;
}

/** `env`'s object of a KV bucket (functions/sdk: KvBucket). */
export class KvBucket {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  async get(key: string, type: KvType = "text"): Promise<unknown> {
    const entry = await this.entry(key);
    return entry === null ? null : valueAs(entry, type);
  }

  async entry(key: string): Promise<KvEntry | null> {
    const found = (await callBinding("kv.get", this.#name, `${key}`)) as
      | [revision: number, createdAt: number, value: ArrayBuffer | number]
      | undefined;
    if (found === undefined) return null;
    const [revision, createdAt, value] = found;
    const bytes = await arrivedBytes(value);
    return { key: `${key}`, revision, createdAt: new Date(createdAt), ...readValue(bytes) };
  }

  async put(key: string, value: unknown, options: PutOptions = {}): Promise<number> {
    requireKnownOptions("put", options, ["ttlSeconds", "ifRevision"]);
    const { ttlSeconds, ifRevision } = options;
    const crossing = await crossingValue(value);
    try {
      return (await callBinding("kv.put", this.#name, `${key}`, crossing, ttlSeconds, ifRevision)) as number;
    } catch (error) {
      dropCrossing(crossing);
      throw error;
    }
  }

  async create(key: string, value: unknown, options: Omit<PutOptions, "ifRevision"> = {}): Promise<number> {
    requireKnownOptions("create", options, ["ttlSeconds"]);
    return this.put(key, value, { ...options, ifRevision: 0 });
  }

  async delete(key: string, options: Pick<PutOptions, "ifRevision"> = {}): Promise<void> {
    requireKnownOptions("delete", options, ["ifRevision"]);
    await callBinding("kv.delete", this.#name, `${key}`, options.ifRevision);
  }

  async list(options: { prefix?: string; limit?: number; cursor?: string } = {}): Promise<{
    keys: { key: string; revision: number }[];
    cursor?: string;
  }> {
    requireKnownOptions("list", options, ["prefix", "limit", "cursor"]);
    const { prefix = "", limit, cursor } = options;
    const [keys, revisions, next] = (await callBinding("kv.list", this.#name, prefix, limit, cursor)) as [
      string[],
      number[],
      string | undefined,
    ];
    const page = { keys: keys.map((key, index) => ({ key, revision: revisions[index] ?? 0 })) };
    return next === undefined ? page : { ...page, cursor: next };
  }

  watch(options: KvWatchOptions = {}): KvWatch {
    requireKnownOptions("watch", options, ["prefix", "updatesOnly", "lifetime", "signal"]);
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
    default:
      throw new TypeError(
        `A value is read as text, json, bytes, arrayBuffer or stream, not as ${String(type)}`,
      );
  }
}
