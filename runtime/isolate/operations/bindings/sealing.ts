/**
 * Bindings with `seal:` in narun.yaml: values are sealed before they leave this process, and opened when they are read.
 *
 * I1  Where a value cannot be sealed or opened, the operation fails by a named code. Nothing goes out in clear instead.
 */
import { errorEntry, isNarunError, type SealPlace } from "../../../../contracts/index.ts";
import { clearBytesOf, clearBytesOfStream, type Sealer } from "../../../../keys/index.ts";
import type { ByteKv, ByteObjects, ObjectFacts } from "../../../../nats/index.ts";
import { CallError } from "../../process/host-calls.ts";

/** The sealer of one label, whose errors the isolate gets to see. */
export interface Sealing {
  seal(bytes: Uint8Array, place: SealPlace): Promise<Uint8Array>;
  open(sealed: Uint8Array, place: SealPlace): Promise<Uint8Array>;
  sealText(text: string, place: SealPlace): Promise<string>;
  openText(sealed: string, place: SealPlace): Promise<string>;
  sealStream(source: AsyncIterable<Uint8Array>, place: SealPlace): AsyncGenerator<Uint8Array, void>;
  openStream(source: AsyncIterable<Uint8Array>, place: SealPlace): AsyncGenerator<Uint8Array, void>;
  readonly label: string;
}

/** Error: KEYS_MISSING. */
export function createSealing(sealer: Sealer | undefined, label: string): Sealing {
  if (sealer === undefined)
    throw new CallError("KEYS_MISSING", `KEYS_MISSING: ${errorEntry("KEYS_MISSING").title}`);
  return {
    label,
    seal: (bytes, place) => telling(sealer.seal(label, bytes, place)),
    open: (sealed, place) => telling(sealer.open(label, sealed, place)),
    sealText: (text, place) => telling(sealer.sealText(label, text, place)),
    openText: (sealed, place) => telling(sealer.openText(label, sealed, place)),
    sealStream: (source, place) => tellingAll(sealer.sealStream(label, source, place)),
    openStream: (source, place) => tellingAll(sealer.openStream(label, source, place)),
  };
}

/** A bucket whose values are sealed, each for its own key. */
export function sealKv(kv: ByteKv, bucket: string, sealing: Sealing): ByteKv {
  const placeOf = (key: string): SealPlace => ["kv", bucket, key];
  return {
    get maxBytes() {
      return clearBytesOf(kv.maxBytes, sealing.label);
    },
    async get(key) {
      const entry = await kv.get(key);
      return entry && { ...entry, bytes: await sealing.open(entry.bytes, placeOf(key)) };
    },
    put: async (key, value, options) => kv.put(key, await sealing.seal(value, placeOf(key)), options),
    make: () => kv.make(),
    delete: (key, options) => kv.delete(key, options),
    list: (options) => kv.list(options),
    async *watch(options) {
      for await (const change of kv.watch(options)) {
        if (change.kind !== "put") yield change;
        else yield { ...change, bytes: await sealing.open(change.bytes, placeOf(change.key)) };
      }
    },
  };
}

/** A store whose bodies are sealed, each for its own name. The facts have the size of the clear body, and the digest of the sealed one. */
export function sealObjects(store: ByteObjects, bucket: string, sealing: Sealing): ByteObjects {
  const placeOf = (name: string): SealPlace => ["object", bucket, name];
  const clear = (facts: ObjectFacts): ObjectFacts => ({
    ...facts,
    size: clearBytesOfStream(facts.size, sealing.label),
  });
  return {
    ...store,
    async info(name) {
      const facts = await store.info(name);
      return facts && clear(facts);
    },
    async read(name, version) {
      const chunks = await store.read(name, version);
      return chunks && sealing.openStream(chunks, placeOf(name));
    },
    put: async (name, body, options) =>
      clear(await store.put(name, sealing.sealStream(body, placeOf(name)), options)),
    async list(options) {
      const { objects, next } = await store.list(options);
      return { objects: objects.map(clear), next };
    },
  };
}

/** A refusal by its code, which the isolate gets to see. */
export async function telling<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw told(error);
  });
}

async function* tellingAll(source: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* source;
  } catch (error) {
    throw told(error);
  }
}

/** A code of the catalogue is the error's name for the function. */
function told(error: unknown): unknown {
  if (!isNarunError(error)) return error;
  const { detail } = error.fields;
  const { title } = errorEntry(error.code);
  return new CallError(error.code, `${error.code}: ${title}${detail === undefined ? "" : ` (${detail})`}`);
}
