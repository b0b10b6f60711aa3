/**
 * A request to an instance, whatever carries it: a message of NATS (nats-call.ts), or a frame of a connection of this machine
 * (local-call.ts).
 *
 * I1  The caller gets one of: a whole answer (`Answer.send`), the head of a streamed one (`Answer.begin`), an error (`fail`).
 * I2  `over` is called once, after the answer or where the caller needs none. Nothing is sent or taken after it.
 */
import type { ErrorCode, Frame, Headers } from "../../contracts/index.ts";
import type { Arrived, AskerChannel } from "../../streams/index.ts";
import type { IncomingRequest } from "./sandbox.ts";

export interface IncomingCall {
  /** The rest of the body comes in frames. */
  readonly hasStreamedBody: boolean;
  /** The caller's client wants a WebSocket. */
  readonly isUpgrade: boolean;
  /** The body, or its beginning. It may share memory with other messages. */
  readonly data: Uint8Array;
  /** Upper bound of the bytes of a whole answer. */
  readonly maxAnswerBytes: number;
  /** The way of frames to the caller, and back; undefined where the caller takes one message only. */
  readonly channel: AskerChannel | undefined;
  /** Reads the request. `service` stands in for what it does not say; `mostMs`: upper bound of its time. */
  read(service: string, mostMs: number): IncomingRequest;
  /** Frames of the caller go to `taker` from now on. */
  listen(taker: FrameTaker): void;
  /** An answer with the status and the fields of the block: user input. Undefined where HTTP cannot carry it. */
  answer(status: number, headerBlock: string): Answer | undefined;
  /** Answers with an error. `limit`: the value of the limit that was met. */
  fail(code: ErrorCode, limit: number | undefined): void;
  /** `error`: the text of a request that failed, for the statistics. */
  over(error: string | undefined): void;
}

/** Takes the frames of a caller. */
export interface FrameTaker {
  receive(frame: Frame, arrived: Arrived): void;
}

/** An answer that its carrier can send. */
export interface Answer {
  /** The value of a field. `name`: in lower case. */
  field(name: "content-type" | "content-length"): string | undefined;
  /** Sets the field `Content-Length`. */
  setLength(bytes: number): void;
  /** Bytes of the whole answer with so many bytes of a body, against `maxAnswerBytes`. */
  size(bodyBytes: number): number;
  /** Sends the whole answer. `trailers`: those of a body that was collected. Most carriers have no place for them. */
  send(body: Uint8Array | string, trailers?: Headers): void;
  /** Sends the head; the body follows in frames. */
  begin(): void;
}
