/** One call to another function, with an isolate's streams at this end (streams/call.ts). */
import type { ErrorCode } from "../../../../contracts/index.ts";
import type { StreamParts } from "../../../../streams/index.ts";
import type { CallHead } from "../../../calls/call-head.ts";
import { type CallBody, callByGateway, type ServiceCalls, type Told } from "../../../calls/service-calls.ts";
import type { CallContext } from "../../process/host-calls.ts";
import type { Outbound } from "../../process/isolate-streams.ts";

export interface IsolateCall {
  service: string;
  head: CallHead;
  /** A body that fits into the first message; a number is the id of the isolate's stream. */
  body: Uint8Array | number;
  /** By `performance.now()`. */
  endsAtMs: number;
}

export type IsolateReply =
  | { kind: "whole"; told: Told }
  /** `told` is the head; the body is a stream of this id. */
  | { kind: "stream"; told: Told; stream: number }
  | { kind: "failed"; code: ErrorCode };

export async function callFromIsolate(
  { streams, services }: { streams: StreamParts; services?: ServiceCalls | undefined },
  { body, ...call }: IsolateCall,
  context: CallContext,
  /** Aborts when the calling request is over. Its streams then end. */
  over: AbortSignal | undefined,
): Promise<IsolateReply> {
  const first = typeof body === "number" ? new Uint8Array() : body;
  const rest = typeof body === "number" ? restOf(body, context) : undefined;
  const calling = { ...call, first, rest, signal: context.signal };
  const reply = await (services?.call(calling) ?? callByGateway(streams, calling));
  if (reply.kind !== "stream") return reply;
  // The other side grants the credit of the request's body, and the isolate that of the response's body.
  const inbound = context.streams.openInbound(context.owner, {
    onCredit(bytes) {
      // An end that enters with the reply, in one turn, would come before the isolate knows of the stream.
      if (!isOpen) open();
      reply.body.grant(bytes);
    },
    onCancel: () => end(),
  });
  let isOpen = false;
  const end = () => {
    over?.removeEventListener("abort", onOver);
    reply.cancel();
  };
  const onOver = () => {
    end();
    inbound.end("the request is over");
  };
  over?.addEventListener("abort", onOver, { once: true });
  const open = () => {
    isOpen = true;
    reply.body.open(
      {
        onData: (bytes) => inbound.push(new Uint8Array(bytes).buffer),
        onEnd(how) {
          over?.removeEventListener("abort", onOver);
          inbound.end(how.kind === "whole" ? undefined : `the answer's body broke (${how.code})`);
        },
      },
      0,
    );
  };
  return { kind: "stream", told: reply.told, stream: inbound.id };
}

function restOf(id: number, { streams, owner }: CallContext): CallBody {
  let outbound: Outbound | undefined;
  let isOver = false;
  let room = Number.POSITIVE_INFINITY;
  let tooLarge: () => void = () => undefined;
  return {
    bound(maxBytes, onTooLarge) {
      room = maxBytes;
      tooLarge = onTooLarge;
    },
    pipe(sender) {
      outbound = streams.openOutbound(id, owner, {
        isBorrower: true,
        onChunk(bytes, done) {
          room -= bytes.byteLength;
          if (room >= 0) return sender.write(bytes, done);
          done();
          sender.break("BODY_TOO_LARGE");
          tooLarge();
        },
        onEnd: (why) => (why === undefined ? sender.end() : sender.break("HANDLER_THREW")),
      });
      return (bytes) => outbound?.grant(bytes);
    },
    cancel() {
      if (isOver) return;
      isOver = true;
      if (outbound === undefined) streams.discard(id, owner);
      else outbound.cancel();
    },
  };
}
