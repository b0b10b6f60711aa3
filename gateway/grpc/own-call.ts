/**
 * A call to a service that the gateway implements itself: health, reflection.
 *
 * I1  A call has one status.
 * I2  A client that does not read its answers is not read either.
 */
import type { ServerHttp2Stream } from "node:http2";
import { frameMessage, grpcCodes, MessageReader } from "../../contracts/index.ts";
import type { Answer } from "./answer.ts";
import type { CallHead } from "./call-head.ts";
import { faultStatus, type GrpcStatus, ownStatus, statusOf } from "./status.ts";

/** A call of one of the gateway's own methods. */
export interface OwnCall {
  send(message: Uint8Array): void;
  end(status: GrpcStatus): void;
}

/** The work of a method with a call. */
export interface OwnHandler {
  onMessage(message: Uint8Array): void;
  /** The client has sent all its messages. */
  onEnd(): void;
  /** The call is over. */
  onOver?(): void;
}

export type OwnMethod = (call: OwnCall) => OwnHandler;

export const OK: GrpcStatus = { code: grpcCodes.OK, message: "" };

/** Upper bound of one message to the gateway. */
const MAX_BYTES = 64 * 1024;

export interface OwnCallParts {
  stream: ServerHttp2Stream;
  head: CallHead;
  answer: Answer;
}

export function beginOwnCall(method: OwnMethod, { stream, head, answer }: OwnCallParts): void {
  if (head.mayCompress) {
    const status = ownStatus(grpcCodes.UNIMPLEMENTED, "BAD_REQUEST", "send messages without compression");
    answer.end({ ...status, fields: ["grpc-accept-encoding", "identity"] });
    return;
  }
  const reader = new MessageReader({ maxBytes: MAX_BYTES, mayCompress: false });
  const { deadline } = head;
  const timer =
    deadline === undefined
      ? undefined
      : setTimeout(() => call.end(statusOf("DEADLINE_EXCEEDED")), deadline.endsAtMs - performance.now());
  const call: OwnCall = {
    send(message) {
      answer.begin([]);
      answer.write(Buffer.from(frameMessage(message)), () => undefined);
      if (answer.needsDrain) stream.pause();
    },
    end(status) {
      answer.end(status);
      onOver();
    },
  };
  const handler = method(call);
  let isOver = false;
  const onOver = () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    handler.onOver?.();
  };
  stream.on("drain", () => stream.resume());
  stream.on("close", () => {
    if (!isOver) answer.abandon();
    onOver();
  });
  stream.on("data", (chunk: Buffer) => {
    if (isOver) return;
    const read = reader.add(chunk);
    if (!Array.isArray(read)) call.end(faultStatus(read));
    else for (const { data } of read) if (!isOver) handler.onMessage(data);
  });
  stream.on("end", () => {
    if (isOver || stream.closed) return;
    const fault = reader.end();
    if (fault !== undefined) call.end(faultStatus(fault));
    else handler.onEnd();
  });
  if (stream.endAfterHeaders) handler.onEnd();
}
