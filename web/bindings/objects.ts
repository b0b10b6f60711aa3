import { ReaderSource } from "../fetch/reader-source.ts";
import { Response } from "../fetch/response.ts";
import { type Inbound, openInbound } from "../host/inbound.ts";
import { inboundStream } from "../host/inbound-stream.ts";
import { cancelOutbound } from "../host/outbound.ts";
import { sendStream } from "../host/send-stream.ts";
import { ReadableStream } from "../streams/streams.ts";
import { bindMethods } from "./bind-methods.ts";
import { callBinding } from "./host-result.ts";
import { readTexts, requireKnownOptions, requireNoMore, requireStorable, requireText } from "./options.ts";
import { isBlobLike, streamOf, wholeValue } from "./values.ts";

/** The key of the content type in an object's metadata. */
const CONTENT_TYPE = "content-type";

/** Upper bound of the size of a body that is sent in the call itself. */
const INLINE_BYTES = 256 * 1024;

type Facts = [
  name: string,
  size: number,
  sha256: string,
  modifiedAt: number,
  version: string,
  metadata: string[],
];

interface ObjectInfo {
  name: string;
  size: number;
  sha256: string;
  modifiedAt: Date;
  contentType: string | undefined;
  metadata: Record<string, string>;
}

interface PutOptions {
  contentType?: string;
  metadata?: Record<string, string>;
}

/** The object of an object store in `env` (functions/sdk: ObjectBucket). */
export class ObjectBucket {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    bindMethods(this);
  }

  async head(name: string, ...more: unknown[]): Promise<ObjectInfo | null> {
    requireText("OBJECTS.head", "name", name);
    requireNoMore("OBJECTS.head", "(name)", more);
    const facts = (await callBinding("objects.head", this.#name, name)) as Facts | undefined;
    return facts === undefined ? null : infoOf(facts);
  }

  async get(name: string, ...more: unknown[]): Promise<StoredObject | null> {
    requireText("OBJECTS.get", "name", name);
    requireNoMore("OBJECTS.get", "(name)", more);
    const found = (await callBinding("objects.get", this.#name, name)) as
      | [Facts, ArrayBuffer | undefined]
      | undefined;
    if (found === undefined) return null;
    const [facts, bytes] = found;
    return new StoredObject(
      infoOf(facts),
      bytes === undefined ? lazyStream(this.#name, facts) : streamOf(new Uint8Array(bytes)),
    );
  }

  async put(name: string, value: unknown, options: PutOptions = {}, ...more: unknown[]): Promise<ObjectInfo> {
    requireText("OBJECTS.put", "name", name);
    requireStorable("OBJECTS.put", value, 'delete(name) removes an object, "" is an empty one');
    requireKnownOptions("OBJECTS.put", options, ["contentType", "metadata"]);
    requireNoMore("OBJECTS.put", "(name, value, options)", more);
    const { contentType, metadata = {} } = options;
    if (contentType !== undefined) requireText("OBJECTS.put", "contentType", contentType);
    const type = contentType ?? (isBlobLike(value) ? typeOf(value) : undefined);
    const pairs = readTexts("OBJECTS.put", "metadata", metadata);
    if (type !== undefined) pairs.push(CONTENT_TYPE, type);
    const body = await sendable(value);
    try {
      return infoOf((await callBinding("objects.put", this.#name, name, body, pairs)) as Facts);
    } catch (error) {
      // The host may have refused the call before it opened the stream.
      if (typeof body === "number") cancelOutbound(body);
      throw error;
    }
  }

  async delete(name: string, ...more: unknown[]): Promise<void> {
    requireText("OBJECTS.delete", "name", name);
    requireNoMore("OBJECTS.delete", "(name)", more);
    await callBinding("objects.delete", this.#name, name);
  }

  async list(
    options: { prefix?: string; limit?: number; cursor?: string } = {},
    ...more: unknown[]
  ): Promise<{ objects: ObjectInfo[]; cursor?: string }> {
    requireKnownOptions("OBJECTS.list", options, ["prefix", "limit", "cursor"]);
    requireNoMore("OBJECTS.list", "(options)", more);
    const { prefix = "", limit, cursor } = options;
    const [facts, next] = (await callBinding("objects.list", this.#name, prefix, limit, cursor)) as [
      Facts[],
      string | undefined,
    ];
    const page = { objects: facts.map(infoOf) };
    return next === undefined ? page : { ...page, cursor: next };
  }

  get [Symbol.toStringTag](): string {
    return "ObjectBucket";
  }
}

/** An object with its body, which can be read once. */
class StoredObject implements ObjectInfo {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly modifiedAt: Date;
  readonly contentType: string | undefined;
  readonly metadata: Record<string, string>;
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor(info: ObjectInfo, body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.name = info.name;
    this.size = info.size;
    this.sha256 = info.sha256;
    this.modifiedAt = info.modifiedAt;
    this.contentType = info.contentType;
    this.metadata = info.metadata;
    this.body = body;
    bindMethods(this);
  }

  text(): Promise<string> {
    return this.#read().text();
  }

  async json<T = unknown>(): Promise<T> {
    return (await this.#read().json()) as T;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#read().arrayBuffer();
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.arrayBuffer());
  }

  #read(): globalThis.Response {
    return new Response(this.body as never) as unknown as globalThis.Response;
  }
}

function infoOf([name, size, sha256, modifiedAt, , pairs]: Facts): ObjectInfo {
  const metadata: Record<string, string> = {};
  let contentType: string | undefined;
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const [key = "", value = ""] = [pairs[index], pairs[index + 1]];
    if (key === CONTENT_TYPE) contentType = value;
    else Object.defineProperty(metadata, key, { value, enumerable: true });
  }
  return { name, size, sha256, modifiedAt: new Date(modifiedAt), contentType, metadata };
}

/** The body of an object. The host opens it at the first read. */
function lazyStream(bucket: string, [name, , , , version]: Facts): ReadableStream<Uint8Array<ArrayBuffer>> {
  let inbound: Inbound | undefined;
  return inboundStream({
    async read() {
      inbound ??= openInbound((await callBinding("objects.read", bucket, name, version)) as number);
      return inbound.read();
    },
    cancel: () => inbound?.cancel(),
  }) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** The value for the call: the body itself, or the id of the stream that carries it. */
async function sendable(value: unknown): Promise<string | ArrayBuffer | number> {
  if (value instanceof ReadableStream) return sendStream(new ReaderSource(value));
  if (isBlobLike(value)) return sendStream(new ReaderSource(value.stream() as ReadableStream));
  const whole = await wholeValue(value);
  const isSmall = typeof whole === "string" ? whole.length <= INLINE_BYTES : whole.byteLength <= INLINE_BYTES;
  if (isSmall || typeof whole === "string") return whole;
  return sendStream(new ReaderSource(streamOf(new Uint8Array(whole))));
}

function typeOf(value: object): string | undefined {
  const { type } = value as { type?: unknown };
  return typeof type === "string" && type !== "" ? type : undefined;
}
