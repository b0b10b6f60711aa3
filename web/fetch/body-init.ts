import { type Blob, isBlob } from "../file/blob.ts";
import { type FormData, formDataEntries, isFormData } from "../file/form-data.ts";
import { serialiseMultipart } from "../file/multipart-serialise.ts";
import { ReadableStream } from "../streams/streams.ts";
import { URLSearchParams } from "../url/url.ts";
import { copyOfFixedBytes, isBufferSource } from "../webidl/buffer-source.ts";
import { toDOMString } from "../webidl/webidl.ts";
import { Body } from "./body.ts";

export type BodyInit =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | FormData
  | ReadableStream
  | URLSearchParams
  | AsyncIterable<Uint8Array>
  | { toString(): string };

export interface Extracted {
  body: Body;
  /** The content type that the kind of body implies. */
  contentType: string | undefined;
}

/** The body of a BodyInit, and the content type that it implies (Fetch, "extract a body"). */
export function extractBody(init: unknown): Extracted {
  if (typeof init !== "object" || init === null) return textBody(init);
  if (isStreamInit(init)) {
    const stream = init instanceof ReadableStream ? init : ReadableStream.from(init);
    return { body: new Body(stream), contentType: undefined };
  }
  if (isBlob(init)) return { body: new Body(init), contentType: init.type === "" ? undefined : init.type };
  if (isFormData(init)) {
    const { blob, contentType } = serialiseMultipart(formDataEntries(init));
    return { body: new Body(blob), contentType };
  }
  if (init instanceof URLSearchParams)
    return {
      body: new Body(init.toString()),
      contentType: "application/x-www-form-urlencoded;charset=UTF-8",
    };
  if (isBufferSource(init))
    return { body: new Body(copyOfFixedBytes(init, "The body")), contentType: undefined };
  return textBody(init);
}

/** A stream, or an async iterable. The standard has no iterables here; Node and Deno accept them too. */
export function isStreamInit(init: unknown): init is ReadableStream | AsyncIterable<unknown> {
  if (typeof init !== "object" || init === null) return false;
  return (
    init instanceof ReadableStream ||
    typeof (init as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === "function"
  );
}

function textBody(init: unknown): Extracted {
  const text = toDOMString(init, "The body").toWellFormed();
  return { body: new Body(text), contentType: "text/plain;charset=UTF-8" };
}
