import { isNarunError } from "../../../../contracts/index.ts";
import { type ByteObjects, type ObjectFacts, openByteObjects } from "../../../../nats/index.ts";
import type { Data } from "../../../../web/index.ts";
import { type CallContext, CallError, type HostOperations } from "../../process/host-calls.ts";
import { receiveFromIsolate, sendToIsolate } from "../stream-adapters.ts";
import { readCursor, readKey, readPairs, readPrefix, readWhole } from "./arguments.ts";
import type { BindingContext } from "./binding-context.ts";
import { createSealing, sealObjects } from "./sealing.ts";
import { naming } from "./store-failure.ts";

const MAX_PAGE = 1_000;
const MAX_METADATA_BYTES = 8 * 1024;
/** Upper bound of the size of a body that is sent along with the facts. */
const INLINE_BYTES = 128 * 1024;
/** Upper bound of the bodies that an instance has open at a time, both ways. */
const MAX_BODIES = 500;

export function createObjectOperations(context: BindingContext): HostOperations {
  const stores = new ObjectStores(context);
  return {
    "objects.head": async ([binding, name]) => stores.head(binding, readName(name)),
    "objects.get": async ([binding, name]) => stores.get(binding, readName(name)),
    "objects.read": async ([binding, name, version], call) =>
      stores.read(binding, readName(name), typeof version === "string" ? version : "", call),
    "objects.put": async ([binding, name, body, metadata], call) => {
      const pairs = readPairs(metadata, { maxBytes: MAX_METADATA_BYTES, label: "metadata" });
      return stores.put(binding, { name: readName(name), body, metadata: Object.fromEntries(pairs) }, call);
    },
    "objects.delete": async ([binding, name]) => stores.delete(binding, readName(name)),
    "objects.list": async ([binding, prefix, limit, cursor]) =>
      stores.list(binding, {
        prefix: readPrefix(prefix),
        limit: readWhole(limit, { name: "limit", min: 1, max: MAX_PAGE }) ?? MAX_PAGE,
        after: readCursor(cursor),
      }),
  };
}

const readName = (value: unknown) => readKey(value, "A name");

/** The object stores of one instance. `binding`: its name in `env`, as the isolate gives it: user input. */
class ObjectStores {
  readonly #context: BindingContext;
  readonly #open = new Map<string, ByteObjects>();
  #bodies = 0;

  constructor(context: BindingContext) {
    this.#context = context;
  }

  async head(binding: unknown, name: string): Promise<Data> {
    const { bucket, store } = this.#storeOf(binding);
    const facts = await naming(bucket, store.info(name));
    return facts && dataOf(facts);
  }

  async get(binding: unknown, name: string): Promise<Data> {
    const { bucket, store } = this.#storeOf(binding);
    const facts = await naming(bucket, store.info(name));
    if (facts === undefined || facts.size > INLINE_BYTES) return facts && [dataOf(facts), undefined];
    const chunks = await chunksOf(bucket, store, facts);
    return [dataOf(facts), new Uint8Array(Buffer.concat(await Array.fromAsync(chunks))).buffer];
  }

  async read(
    binding: unknown,
    name: string,
    version: string,
    { owner, streams }: CallContext,
  ): Promise<Data> {
    const { bucket, store } = this.#storeOf(binding);
    const chunks = await chunksOf(bucket, store, { name, version });
    this.#countBody();
    return sendToIsolate(streams, owner, chunks, () => {
      this.#bodies -= 1;
    });
  }

  async put(binding: unknown, { name, body, metadata }: NewObject, context: CallContext): Promise<Data> {
    const { bucket, store } = this.#storeOf(binding);
    this.#countBody();
    const signal = this.#endOfWrite(context);
    const source = bodyFrom(body, context, signal);
    try {
      return dataOf(await naming(bucket, store.put(name, source, { metadata, signal })));
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new CallError("AbortError", `${JSON.stringify(name)} was not stored: its request is over`);
    } finally {
      this.#bodies -= 1;
      await source.return();
    }
  }

  async delete(binding: unknown, name: string): Promise<undefined> {
    const { bucket, store } = this.#storeOf(binding);
    await naming(bucket, store.delete(name));
  }

  async list(binding: unknown, page: { prefix: string; limit: number; after: number }): Promise<Data> {
    const { bucket, store } = this.#storeOf(binding);
    const { objects, next } = await naming(bucket, store.list(page));
    return [objects.map(dataOf), next === undefined ? undefined : String(next)];
  }

  #storeOf(binding: unknown): { bucket: string; store: ByteObjects } {
    const { bucket, seal } = this.#context.declared("objects", binding);
    const place = `${bucket} ${seal ?? ""}`;
    const store = this.#open.get(place) ?? this.#openStore(bucket, seal);
    this.#open.set(place, store);
    return { bucket, store };
  }

  #openStore(bucket: string, seal: string | undefined): ByteObjects {
    const { limits, streams, sealer } = this.#context;
    const store = openByteObjects(streams.nats, bucket, { maxBytes: limits.maxStoreBytes });
    return seal === undefined ? store : sealObjects(store, bucket, createSealing(sealer, seal));
  }

  #countBody(): void {
    if (this.#bodies >= MAX_BODIES) {
      throw new CallError("RangeError", `an instance has at most ${MAX_BODIES} objects open at a time`);
    }
    this.#bodies += 1;
  }

  /** The signal that ends a write with its request. A write without a request has the time of background work. */
  #endOfWrite({ owner, signal }: CallContext): AbortSignal {
    const { endOf, limits } = this.#context;
    return AbortSignal.any([signal, endOf(owner) ?? AbortSignal.timeout(limits.waitUntilMs)]);
  }
}

interface NewObject {
  name: string;
  /** Bytes, a text, or the id of a stream of the isolate: user input. */
  body: unknown;
  metadata: Record<string, string>;
}

async function chunksOf(
  bucket: string,
  store: ByteObjects,
  { name, version }: Pick<ObjectFacts, "name" | "version">,
): Promise<AsyncGenerator<Uint8Array, void>> {
  const chunks = await naming(bucket, store.read(name, version));
  if (chunks === undefined)
    throw new CallError("BindingError", `${JSON.stringify(name)} was replaced or deleted`);
  return readable(chunks);
}

/** The body of an object, as bytes. */
async function* bodyFrom(
  body: unknown,
  { streams, owner }: CallContext,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  if (typeof body === "string" || body instanceof ArrayBuffer) {
    yield typeof body === "string" ? Buffer.from(body) : new Uint8Array(body);
    return;
  }
  const source = receiveFromIsolate(streams, owner, body, signal);
  if (source === undefined) throw new CallError("TypeError", "the body is no stream");
  try {
    yield* source;
  } catch (error) {
    throw new CallError("BindingError", `the body broke: ${error instanceof Error ? error.message : ""}`);
  }
}

/** Passes a body on, with errors that reveal nothing about the server. */
async function* readable(chunks: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* chunks;
  } catch (error) {
    if (error instanceof CallError) throw error;
    if (isNarunError(error, "OBJECT_NOT_FOUND"))
      throw new Error("the object was replaced or deleted while it was read");
    if (isNarunError(error, "DIGEST_MISMATCH"))
      throw new Error("the object is damaged: its digest does not match");
    throw new Error("the object could not be read to its end");
  }
}

function dataOf({ name, size, sha256, modifiedAt, metadata, version }: ObjectFacts): Data {
  return [name, size, sha256, modifiedAt.getTime(), version, Object.entries(metadata).flat()];
}
