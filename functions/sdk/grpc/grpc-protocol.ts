/** gRPC (its specification over HTTP/2) and gRPC-Web, whose trailers are the last frame of the body, in binary or base64. */
import { AnswerStream, iteratorOf } from "./answer-stream.ts";
import { concat, decodeBase64Groups, encodeBase64 } from "./base64.ts";
import { type Call, errorOf } from "./call.ts";
import { GrpcCode } from "./codes.ts";
import { acceptsGzip, type Encoding, encodingOf, gzip, messageIn, WORTH_BYTES } from "./compression.ts";
import { COMPRESSED, frame, onlyFrame, readFrames, WEB_TRAILERS } from "./frames.ts";
import { GrpcError, statusBytes } from "./grpc-error.ts";
import type { Codec } from "./message-codec.ts";
import { isMetadata } from "./metadata.ts";

export interface GrpcForm {
  /** The content type of the answer: the request's. */
  readonly contentType: string;
  readonly codec: Codec;
  readonly isWeb: boolean;
  /** The body is base64. */
  readonly isText: boolean;
}

const FORM = /^application\/grpc(?<web>-web(?<text>-text)?)?(?:\+(?<codec>proto|json))?\s*(?:;.*)?$/;

/** How a content type frames a call. Undefined: it is not of gRPC. */
export function grpcFormOf(contentType: string): GrpcForm | undefined {
  if (contentType === "application/grpc") return PLAIN;
  const groups = FORM.exec(contentType)?.groups;
  if (groups === undefined) return undefined;
  return {
    contentType,
    codec: groups.codec === "json" ? "json" : "proto",
    isWeb: groups.web !== undefined,
    isText: groups.text !== undefined,
  };
}

const PLAIN: GrpcForm = { contentType: "application/grpc", codec: "proto", isWeb: false, isText: false };

const TIMEOUT_UNITS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** `grpc-timeout` in ms. Undefined for none, and for a value of another form. */
export function grpcTimeoutMs(value: string | null): number | undefined {
  const [, amount, unit] = value === null ? [] : (/^(\d{1,8})([HMSmun])$/.exec(value) ?? []);
  return amount === undefined || unit === undefined ? undefined : Number(amount) * (TIMEOUT_UNITS[unit] ?? 1);
}

export async function serveGrpc(call: Call, form: GrpcForm): Promise<Response> {
  try {
    const { headers } = call.request;
    const exchange = new Exchange(call, form, encodingOf(headers.get("grpc-encoding")));
    const { methodKind } = call.target.desc;
    const isStreamed = methodKind === "client_streaming" || methodKind === "bidi_streaming";
    const input = isStreamed ? exchange.messages() : await exchange.message();
    const result = call.run(input);
    if (methodKind === "unary" || methodKind === "client_streaming")
      return await exchange.answer(await result);
    return await exchange.answerStream(iteratorOf(result, call.method));
  } catch (thrown) {
    return refusal(errorOf(thrown, call), form, call);
  }
}

/** The answer that is a status alone: in the head for gRPC ("Trailers-Only"), in the body for gRPC-Web. */
export function refusal(error: GrpcError, form: GrpcForm, call?: Call): Response {
  const head = headOf(form, call);
  const status = statusFields(error, call);
  if (!form.isWeb) {
    for (const [name, value] of status) head.append(headName(name), value);
    return new Response(null, { headers: head });
  }
  return new Response(webBody(form, [trailerFrame(status)]), { headers: head });
}

class Exchange {
  readonly #call: Call;
  readonly #form: GrpcForm;
  readonly #encoding: Encoding;
  readonly #mayCompress: boolean;
  /** Whether the head names an encoding. Undefined until the head is written. */
  #isAnnounced: boolean | undefined;

  constructor(call: Call, form: GrpcForm, encoding: Encoding) {
    this.#call = call;
    this.#form = form;
    this.#encoding = encoding;
    const accepted = call.request.headers.get("grpc-accept-encoding");
    this.#mayCompress = accepted === null ? encoding === "gzip" : acceptsGzip(accepted);
  }

  /** The only message of a request. */
  async message(): Promise<unknown> {
    const call = this.#call;
    const bytes = await this.#bytes();
    const only = onlyFrame(bytes);
    if (only === undefined) {
      // An empty body, several messages, or a length that does not fit.
      const what = bytes.byteLength === 0 ? "the request has no message" : "the body is not one message";
      throw new GrpcError(bytes.byteLength === 0 ? "INTERNAL" : "INVALID_ARGUMENT", what);
    }
    return call.decode(this.#form.codec, await messageIn(only, this.#encoding, call.target.maxMessageBytes));
  }

  async #bytes(): Promise<Uint8Array> {
    if (!this.#form.isText) return new Uint8Array(await this.#call.request.arrayBuffer());
    const bytes = decodeBase64Groups(await this.#call.request.text());
    if (bytes === undefined) throw new GrpcError("INVALID_ARGUMENT", "the body is no base64");
    return bytes;
  }

  /** The messages of a request as they come. */
  async *messages(): AsyncGenerator<unknown, void, undefined> {
    const call = this.#call;
    const { maxMessageBytes } = call.target;
    const body = this.#form.isText
      ? once(await this.#bytes())
      : (call.request.body ?? once(new Uint8Array()));
    for await (const one of readFrames(body as AsyncIterable<Uint8Array>, maxMessageBytes)) {
      yield call.decode(this.#form.codec, await messageIn(one, this.#encoding, maxMessageBytes));
    }
  }

  async answer(value: unknown): Promise<Response> {
    const call = this.#call;
    const form = this.#form;
    const framed = await this.#framed(value);
    const head = this.#head();
    if (form.isWeb) {
      const trailers = trailerFrame(statusFields(undefined, call));
      return new Response(webBody(form, [framed, trailers]), { headers: head });
    }
    // The gateway takes the trailers out of the head, so that the body of one message needs no stream.
    for (const [name, value] of statusFields(undefined, call)) head.append(headName(name), value);
    return new Response(framed, { headers: head });
  }

  async answerStream(iterator: AsyncIterator<unknown>): Promise<Response> {
    const form = this.#form;
    const stream = new AnswerStream(iterator, {
      encode: async (value) => this.#text(await this.#framed(value)),
      end: (error) => {
        const failure = error && errorOf(error.thrown, this.#call);
        if (form.isWeb) return this.#text(trailerFrame(statusFields(failure, this.#call)));
        this.#setTrailers(failure);
        return undefined;
      },
    });
    await stream.first();
    return new Response(stream.body(), { headers: this.#head() });
  }

  #text(bytes: Uint8Array): Uint8Array {
    return this.#form.isText ? new TextEncoder().encode(encodeBase64(bytes)) : bytes;
  }

  #head(): Headers {
    const head = headOf(this.#form, this.#call);
    this.#isAnnounced = this.#mayCompress && (this.#encoding === "gzip" || this.#call.compress === true);
    if (this.#isAnnounced) head.set("grpc-encoding", "gzip");
    head.set("grpc-accept-encoding", "gzip,identity");
    return head;
  }

  #setTrailers(error: GrpcError | undefined): void {
    const { trailers } = this.#call;
    for (const [name, value] of statusFields(error, this.#call)) trailers.append(name, value);
  }

  async #framed(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#call.encode(this.#form.codec, value);
    if (!this.#isCompressed(bytes)) return frame(0, bytes);
    return frame(COMPRESSED, await gzip(bytes));
  }

  #isCompressed({ byteLength }: Uint8Array): boolean {
    if (!(this.#isAnnounced ?? this.#mayCompress)) return false;
    return this.#call.compress ?? (this.#encoding === "gzip" && byteLength >= WORTH_BYTES);
  }
}

/** The name of a trailer in the head of an answer without a stream (docs/wire.md). */
function headName(name: string): string {
  return name.startsWith("grpc-") ? name : `trailer-${name}`;
}

function headOf({ contentType }: GrpcForm, call: Call | undefined): Headers {
  const head = new Headers();
  head.set("content-type", contentType);
  for (const [name, value] of call?.ownHeaders ?? []) head.append(name, value);
  return head;
}

/** Status and metadata behind the messages, as fields. */
function statusFields(error: GrpcError | undefined, call: Call | undefined): [name: string, value: string][] {
  const fields: [string, string][] = [
    ["grpc-status", error === undefined ? "0" : String(GrpcCode[error.code])],
  ];
  for (const field of call?.ownTrailers ?? []) fields.push(field);
  if (error === undefined) return fields;
  if (error.message !== "") fields.push(["grpc-message", encodeMessage(error.message)]);
  if (error.details.length > 0) {
    fields.push(["grpc-status-details-bin", encodeBase64(statusBytes(error)).replace(/=+$/, "")]);
  }
  for (const [name, value] of error.metadata) {
    if (isMetadata(name) || name === "grpc-accept-encoding") fields.push([name, value]);
  }
  return fields;
}

/** Percent-encoding of the bytes that are no visible ASCII, and of `%`. */
function encodeMessage(message: string): string {
  if (/^[\u0020-\u0024\u0026-\u007e]*$/.test(message)) return message;
  const bytes = new TextEncoder().encode(message);
  const isPlain = (byte: number) => byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
  return Array.from(bytes, (byte) =>
    isPlain(byte) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");
}

function trailerFrame(fields: readonly [name: string, value: string][]): Uint8Array {
  const text = fields.map(([name, value]) => `${name.toLowerCase()}: ${value}\r\n`).join("");
  return frame(WEB_TRAILERS, new TextEncoder().encode(text));
}

function webBody({ isText }: GrpcForm, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> | string {
  return isText ? encodeBase64(concat(parts)) : concat(parts);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
