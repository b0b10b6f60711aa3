import { decodeUtf8, encodeUtf8 } from "../encoding.ts";
import { ReadableStream } from "../streams.ts";

export type BodyInit = string | ArrayBuffer | ArrayBufferView | { toString(): string } | null | undefined;

/** A whole body in memory: text until somebody wants bytes, bytes until somebody wants text. */
export type BodyContent = string | Uint8Array | ReadableStream<unknown>;

/** The bytes or text of a body init, and the content type that it implies (Fetch, "extract a body"). */
export function extractBody(
  init: BodyInit,
): { content: BodyContent; contentType: string | undefined } | undefined {
  if (init === null || init === undefined) return undefined;
  if (typeof init === "string") return { content: init, contentType: "text/plain;charset=UTF-8" };
  if (ArrayBuffer.isView(init)) {
    const view = new Uint8Array(init.buffer, init.byteOffset, init.byteLength);
    return { content: view.slice(), contentType: undefined };
  }
  if (init instanceof ArrayBuffer) return { content: new Uint8Array(init.slice(0)), contentType: undefined };
  if (init instanceof ReadableStream) return { content: init as never, contentType: undefined };
  if (init instanceof URLSearchParams) {
    return { content: init.toString(), contentType: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  return { content: `${init}`, contentType: "text/plain;charset=UTF-8" };
}

/** The platform's own look at a body that nobody read yet: for `clone`, and for sending it. */
export let peekBody: (body: Body) => BodyContent | undefined;

/** What `Request` and `Response` share: a body that is read once (Fetch, "Body mixin"). */
export class Body {
  #content: BodyContent | undefined;
  #isUsed = false;

  constructor(content: BodyContent | undefined) {
    this.#content = content;
  }

  get body(): ReadableStream<unknown> | null {
    if (this.#content === undefined) return null;
    if (this.#content instanceof ReadableStream) return this.#content;
    const bytes = toBytes(this.#content);
    this.#content = new ReadableStream({
      start(controller) {
        controller.enqueue(bytes);
        controller.close();
      },
    }) as ReadableStream<unknown>;
    return this.#content;
  }

  get bodyUsed(): boolean {
    return this.#isUsed;
  }

  async text(): Promise<string> {
    const content = await whole(this.#take());
    return typeof content === "string" ? content : decodeUtf8(content);
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array> {
    return toBytes(await whole(this.#take()));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = toBytes(await whole(this.#take()));
    return bytes.buffer as ArrayBuffer;
  }

  #take(): BodyContent {
    if (this.#isUsed) throw new TypeError("The body has already been read");
    // A body that is null can be read again and again (Fetch).
    if (this.#content === undefined) return "";
    this.#isUsed = true;
    const content = this.#content;
    this.#content = undefined;
    return content;
  }

  static {
    peekBody = (body) => {
      if (body.#isUsed) throw new TypeError("The body has already been read");
      return body.#content;
    };
  }
}

async function whole(content: BodyContent): Promise<string | Uint8Array> {
  if (!(content instanceof ReadableStream)) return content;
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk as Uint8Array);
  const all = new Uint8Array(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

function toBytes(content: string | Uint8Array): Uint8Array {
  if (typeof content === "string") return encodeUtf8(content);
  // A view on a larger buffer would show its neighbours.
  return content.byteLength === content.buffer.byteLength ? content : content.slice();
}
