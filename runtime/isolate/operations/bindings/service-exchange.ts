/** One call to another function, with an isolate's streams at this end (streams/call.ts). */
import type { StreamParts } from "../../../../streams/index.ts";
import type { CallHead } from "../../../calls/call-head.ts";
import {
  type CallBody,
  type CallReply,
  callByGateway,
  type FunctionCall,
  type ServiceCalls,
} from "../../../calls/service-calls.ts";
import type { CallContext } from "../../process/host-calls.ts";
import type { Outbound } from "../../process/isolate-streams.ts";

export interface IsolateCall {
  service: string;
  head: CallHead;
  /** A body that fits into the first message; a number is the id of the isolate's stream. */
  body: Uint8Array | string | number;
  /** By `performance.now()`. */
  endsAtMs: number;
}

/** `services`: undefined, where all calls go by gateways. */
export function callFromIsolate(
  { streams, services }: { streams: StreamParts; services?: ServiceCalls | undefined },
  { service, head, body, endsAtMs }: IsolateCall,
  context: CallContext,
): Promise<CallReply> {
  const isStream = typeof body === "number";
  const call: FunctionCall = {
    ...{ service, head, endsAtMs, caller: context },
    first: isStream ? NO_BYTES : body,
    rest: isStream ? restOf(body, context) : undefined,
  };
  return services?.call(call) ?? callByGateway(streams, call);
}

const NO_BYTES = new Uint8Array();

/**
 * Joins the body of an answer to a stream of the isolate; returns the id of that. The other side grants the credit of the request's
 * body, and the isolate that of the response's body. `over` aborts when the calling request is over: the stream ends then.
 */
export function openReply(
  reply: Extract<CallReply, { kind: "stream" }>,
  context: CallContext,
  over: AbortSignal | undefined,
): number {
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
  return inbound.id;
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
