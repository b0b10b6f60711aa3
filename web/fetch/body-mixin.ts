/** The common members of `Request` and `Response` (Fetch, "Body mixin"), defined on each prototype. */
import { TextDecoder } from "../encoding/encoding.ts";
import { type Blob, createBlob } from "../file/blob.ts";
import { createFormData, type FormData } from "../file/form-data.ts";
import { extractMimeType, type MimeType } from "../file/mime-type.ts";
import { parseMultipart } from "../file/multipart-parse.ts";
import { textStreamOf } from "../file/text-stream.ts";
import type { ReadableStream } from "../streams/streams.ts";
import { URLSearchParams } from "../url/url.ts";
import { Body, type Bytes, toBytes, toText } from "./body.ts";

export interface BodyMembers {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  bytes(): Promise<Bytes>;
  formData(): Promise<FormData>;
  json(): Promise<unknown>;
  text(): Promise<string>;
  textStream(): ReadableStream<string>;
}

export interface BodyAccess<T> {
  /** Throws a TypeError for an object of another class, as `contentTypeOf` does. */
  bodyOf(self: T): Body | undefined;
  contentTypeOf(self: T): string | null;
}

/** Defines the members. A null body can be read again and again. */
export function defineBodyMixin<T extends object>(
  Interface: { readonly prototype: T },
  { bodyOf, contentTypeOf }: BodyAccess<T>,
): void {
  const read = (self: T) => bodyOf(self)?.read() ?? "";
  const members: BodyMembers & ThisType<T> = {
    get body() {
      return (bodyOf(this)?.stream ?? null) as ReadableStream<Uint8Array> | null;
    },
    get bodyUsed() {
      return bodyOf(this)?.isUsed ?? false;
    },
    async arrayBuffer() {
      return toBytes(await read(this)).buffer;
    },
    async blob() {
      const type = extractMimeType(contentTypeOf(this))?.toString() ?? "";
      return bodyOf(this)?.readBlob(type) ?? createBlob([], type);
    },
    async bytes() {
      return toBytes(await read(this));
    },
    async formData() {
      return parseForm(await read(this), extractMimeType(contentTypeOf(this)));
    },
    async json() {
      return JSON.parse(toText(await read(this)));
    },
    async text() {
      return toText(await read(this));
    },
    textStream() {
      const body = bodyOf(this);
      if (body?.isUnusable) throw new TypeError("The body has already been read, or is locked");
      return textStreamOf((body ?? new Body("")).stream as ReadableStream<Uint8Array>);
    },
  };
  Object.defineProperties(Interface.prototype, Object.getOwnPropertyDescriptors(members));
}

function parseForm(content: string | Bytes, type: MimeType | undefined): FormData {
  if (type?.essence === "multipart/form-data")
    return createFormData(parseMultipart(toBytes(content), type.parameters.get("boundary")));
  if (type?.essence === "application/x-www-form-urlencoded") {
    const text =
      typeof content === "string" ? content : new TextDecoder("utf-8", { ignoreBOM: true }).decode(content);
    // The constructor drops one question mark at the start. A question mark in the text belongs to the first name.
    return createFormData([...new URLSearchParams(`?${text}`)] as [string, string][]);
  }
  throw new TypeError(
    `The body is no form: its content type is ${type === undefined ? "missing" : JSON.stringify(type.essence)}`,
  );
}
