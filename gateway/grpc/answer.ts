/**
 * The answer to one call, on its HTTP/2 stream.
 *
 * I1  A call has one status, and the status is the last thing that is sent.
 * I2  After the end nothing is written. A stream whose client is gone takes no status.
 * I3  After the client's deadline an error of the gateway is DEADLINE_EXCEEDED.
 * I4  A client that still sends when its call has ended is told to stop (RST_STREAM with NO_ERROR).
 */
import {
  constants,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from "node:http2";
import { type FieldList, fieldName, type GrpcCode, grpcCodes } from "../../contracts/index.ts";
import { atDeadline, type Deadline, fieldsOf, type GrpcStatus, ownStatus } from "./status.ts";

export interface AnswerOptions {
  /** The content type of the call, as the client named it. */
  contentType: string;
  requestId: string;
  /** `/pkg.Svc/Method` */
  path: string;
  /** Undefined: the client waits. */
  deadline: Deadline | undefined;
  /** The call has its status. Called once. `code` is undefined where the client went away before. */
  onOver(code: GrpcCode | undefined): void;
}

export class Answer {
  readonly #stream: ServerHttp2Stream;
  readonly #options: AnswerOptions;
  #phase: "new" | "begun" | "ended" = "new";

  constructor(stream: ServerHttp2Stream, options: AnswerOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#phase === "ended" || this.#stream.destroyed || this.#stream.closed;
  }

  /** Sends the initial metadata: names and values alternating. */
  begin(fields: FieldList): void {
    if (this.#phase !== "new" || this.isOver) return;
    if (this.#respond(fields, { waitForTrailers: true })) this.#phase = "begun";
    else this.end(ownStatus(grpcCodes.INTERNAL, "BAD_REPLY", "the initial metadata cannot be sent"));
  }

  /** Sends bytes of messages. `done` is called when the operating system has taken them, and also when they are lost. */
  write(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    if (this.isOver) done(new Error("the call is over"));
    else this.#stream.write(bytes, done);
  }

  get needsDrain(): boolean {
    return this.#stream.writableNeedDrain;
  }

  /** Sends a last piece, if any, and the status. A call without initial metadata gets all in one block of headers. */
  end(given: GrpcStatus, bytes?: Uint8Array): void {
    if (this.isOver) return;
    const status = atDeadline(given, this.#options.path, this.#options.deadline);
    const isTrailersOnly = this.#phase === "new";
    this.#phase = "ended";
    this.#options.onOver(status.code);
    if (isTrailersOnly) this.#endAtOnce(status);
    else this.#endWithTrailers(status, bytes);
  }

  #endAtOnce(status: GrpcStatus): void {
    const { code, message } = status;
    const isSent = this.#respond(this.#fieldsOf(status), { endStream: true });
    if (isSent || this.#respond(this.#fieldsOf({ code, message }), { endStream: true }))
      stopClient(this.#stream);
    else this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  #endWithTrailers(status: GrpcStatus, bytes: Uint8Array | undefined): void {
    const stream = this.#stream;
    stream.once("wantTrailers", () => {
      try {
        stream.sendTrailers(toHeaders(this.#fieldsOf(status)));
        stopClient(stream);
      } catch {
        // HTTP/2 forbids a field of the function.
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      }
    });
    if (bytes === undefined) stream.end();
    else stream.end(bytes);
  }

  #fieldsOf(status: GrpcStatus): string[] {
    return fieldsOf(status, this.#options.requestId);
  }

  /** The client went away, or the answer cannot be whole: nothing more is sent. */
  abandon(): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    this.#options.onOver(undefined);
  }

  /** Returns false where HTTP/2 forbids a field: one that must be single is repeated, for example. */
  #respond(fields: FieldList, options: ServerStreamResponseOptions): boolean {
    const { contentType, requestId } = this.#options;
    const headers = toHeaders(fields);
    headers[":status"] = 200;
    headers["content-type"] = contentType;
    headers["x-request-id"] = requestId;
    try {
      this.#stream.respond(headers, options);
      return true;
    } catch {
      return false;
    }
  }
}

/** A client that still sends is told to stop, when it has seen its answer (I4). */
export function stopClient(stream: ServerHttp2Stream): void {
  if (stream.readableEnded || stream.endAfterHeaders) return;
  // The rest of its messages is read and dropped.
  stream.resume();
  setImmediate(() => {
    if (!stream.closed && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

/** Fields that HTTP/2 forbids. */
const CONNECTION_FIELDS = new Set(["http2-settings", "content-length"]);

function toHeaders(fields: FieldList): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = Object.create(null);
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const { lower, kind } = fieldName(fields[at] ?? "");
    if (kind !== "travels" || CONNECTION_FIELDS.has(lower)) continue;
    const value = fields[at + 1] ?? "";
    const former = headers[lower];
    if (former === undefined) headers[lower] = value;
    else headers[lower] = Array.isArray(former) ? [...former, value] : [String(former), value];
  }
  return headers;
}
