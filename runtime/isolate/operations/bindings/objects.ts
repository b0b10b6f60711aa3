import { isNarunError, type Limits } from "../../../../contracts/index.ts";
import { type ByteObjects, type Nats, type ObjectFacts, openByteObjects } from "../../../../nats/index.ts";
import type { Data } from "../../../../web/index.ts";
import { type CallContext, CallError, type HostOperations } from "../../process/host-calls.ts";
import { receiveFromIsolate, sendToIsolate } from "../stream-adapters.ts";
import { readCursor, readKey, readPairs, readPrefix, readWhole } from "./arguments.ts";
import type { FindDeclared } from "./declared.ts";
import { naming } from "./store-failure.ts";

const MAX_PAGE = 1_000;
const MAX_METADATA_BYTES = 8 * 1024;
/** Bodies up to this size come with the facts. */
const INLINE_BYTES = 128 * 1024;
/** Bodies that an instance may have open at a time, both ways. */
const MAX_BODIES = 500;

export interface ObjectOptions {
  nats: Nats;
  declared: FindDeclared;
  limits: Limits;
  /** Aborts when a request is over. */
  endOf(owner: number): AbortSignal | undefined;
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createObjectOperations({ nats, declared, limits, endOf }: ObjectOptions): HostOperations {
  const open = new Map<string, ByteObjects>();
  let bodies = 0;

  const storeOf = (name: unknown): { bucket: string; store: ByteObjects } => {
    const { bucket } = declared("objects", name);
    const store = open.get(bucket) ?? openByteObjects(nats, bucket, { maxBytes: limits.maxStoreBytes });
    open.set(bucket, store);
    return { bucket, store };
  };
  const countBody = () => {
    if (bodies >= MAX_BODIES) {
      throw new CallError("RangeError", `an instance has at most ${MAX_BODIES} objects open at a time`);
    }
    bodies += 1;
  };
  /** Aborts when nobody waits for a write any more. Where it is no request's, it has the time of work in the background. */
  const endOfWrite = ({ owner, signal }: CallContext) =>
    AbortSignal.any([signal, endOf(owner) ?? AbortSignal.timeout(limits.waitUntilMs)]);
  const readObject = async (bucket: string, store: ByteObjects, name: string, version: string) => {
    const chunks = await naming(bucket, store.read(name, version));
    if (chunks === undefined)
      throw new CallError("BindingError", `${JSON.stringify(name)} was replaced or deleted`);
    return told(chunks);
  };

  return {
    "objects.head": async ([binding, nameValue]) => {
      const { bucket, store } = storeOf(binding);
      const facts = await naming(bucket, store.info(readKey(nameValue, "A name")));
      return facts && dataOf(facts);
    },
    "objects.get": async ([binding, nameValue]) => {
      const { bucket, store } = storeOf(binding);
      const name = readKey(nameValue, "A name");
      const facts = await naming(bucket, store.info(name));
      if (facts === undefined || facts.size > INLINE_BYTES) return facts && [dataOf(facts), undefined];
      const chunks = await readObject(bucket, store, name, facts.version);
      return [dataOf(facts), new Uint8Array(Buffer.concat(await Array.fromAsync(chunks))).buffer];
    },
    "objects.read": async ([binding, nameValue, version], { owner, streams }) => {
      const { bucket, store } = storeOf(binding);
      const chunks = await readObject(
        bucket,
        store,
        readKey(nameValue, "A name"),
        typeof version === "string" ? version : "",
      );
      countBody();
      return sendToIsolate(streams, owner, chunks, () => {
        bodies -= 1;
      });
    },
    "objects.put": async ([binding, nameValue, body, metadataValue], context) => {
      const { bucket, store } = storeOf(binding);
      const name = readKey(nameValue, "A name");
      const pairs = readPairs(metadataValue, { maxBytes: MAX_METADATA_BYTES, what: "metadata" });
      countBody();
      const signal = endOfWrite(context);
      const source = bodyFrom(body, context, signal);
      try {
        const metadata = Object.fromEntries(pairs);
        return dataOf(await naming(bucket, store.put(name, source, { metadata, signal })));
      } catch (error) {
        if (!signal.aborted) throw error;
        throw new CallError("AbortError", `${JSON.stringify(name)} was not stored: its request is over`);
      } finally {
        bodies -= 1;
        await source.return();
      }
    },
    "objects.delete": async ([binding, nameValue]) => {
      const { bucket, store } = storeOf(binding);
      await naming(bucket, store.delete(readKey(nameValue, "A name")));
      return undefined;
    },
    "objects.list": async ([binding, prefix, limitValue, cursor]) => {
      const { bucket, store } = storeOf(binding);
      const limit = readWhole(limitValue, { name: "limit", min: 1, max: MAX_PAGE }) ?? MAX_PAGE;
      const after = readCursor(cursor);
      const page = await naming(bucket, store.list({ prefix: readPrefix(prefix), limit, after }));
      return [page.objects.map(dataOf), page.next === undefined ? undefined : String(page.next)];
    },
  };
}

/** What the isolate hands over: bytes, a text, or the id of a stream of its own. */
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

/** What breaks while a body is read, as the isolate may know it. */
async function* told(chunks: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* chunks;
  } catch (error) {
    if (isNarunError(error, "OBJECT_NOT_FOUND"))
      throw new Error("the object was replaced or deleted while it was read");
    if (isNarunError(error, "DIGEST_MISMATCH"))
      throw new Error("the object is damaged: its digest is another");
    throw new Error("the object could not be read to its end");
  }
}

function dataOf({ name, size, sha256, modifiedAt, metadata, version }: ObjectFacts): Data {
  return [name, size, sha256, modifiedAt.getTime(), version, Object.entries(metadata).flat()];
}
