/** The messages of the instance, for the handler's sandbox and for the platform's boundary. */
import {
  cancelOutbound,
  dropCallsOf,
  EnterOp,
  endInbound,
  grantOutbound,
  inboundStream,
  openInbound,
  PostOp,
  pushInbound,
  settleCall,
  stopService,
  TRIGGERS,
} from "../../../../web/thread.ts";
import type { HandlerSandbox } from "../../../handler/handler-sandbox.ts";
import type { IncomingRequest } from "../../../instance/sandbox.ts";
import { ABORT_REASONS, ThreadOp } from "../thread-messages.ts";

export function receiveFor(
  sandbox: HandlerSandbox,
  post: (...message: unknown[]) => void,
  taken: BigInt64Array,
): (message: [op: number, id: number, ...values: unknown[]]) => void {
  return ([op, id, ...values]) => {
    const [a, b, c] = values;
    switch (op) {
      case EnterOp.request:
      case EnterOp.trigger:
        // Counted first (I3 of process/thread-sandbox.ts).
        Atomics.add(taken, 0, 1n);
        return begin(sandbox, id, values);
      case EnterOp.result:
        return settleCall(id, a, b);
      case EnterOp.chunk:
        return pushInbound(id, a, b);
      case EnterOp.end:
        return endInbound(id, a);
      case EnterOp.credit:
        return grantOutbound(id, a, b);
      case EnterOp.cancel:
        return cancelOutbound(id);
      case EnterOp.abort: {
        const reason = ABORT_REASONS[Number(a)];
        return reason === undefined ? undefined : sandbox.abort(id, reason);
      }
      case EnterOp.socketMessage:
        return sandbox.sockets.message(id, a as string | ArrayBuffer, () => post(ThreadOp.taken, id));
      case EnterOp.socketCredit:
        return sandbox.sockets.grant(id, Number(a));
      case EnterOp.socketClose:
        return sandbox.sockets.close(id, Number(a), String(b), c === true);
      case EnterOp.drop:
        sandbox.forget(id);
        return dropCallsOf(id);
      case EnterOp.stop:
        void stopService((text) => post(PostOp.log, "error", text, 0)).then(() => post(PostOp.stopped));
        return;
      case ThreadOp.ping:
        return post(ThreadOp.pong, id);
    }
  };
}

function begin(sandbox: HandlerSandbox, id: number, values: readonly unknown[]): void {
  const [method, url, headerBlock, content, requestId, deadline, trigger] = values;
  // A deadline of 0 is none. Behind it the caller may have been told that no handler began.
  if (Number(deadline) > 0 && Date.now() >= Number(deadline)) return;
  const facts = { method: String(method), url: String(url), headerBlock: String(headerBlock) };
  const body = content as IncomingRequest["body"];
  const stream = typeof body === "number" ? inboundStream(openInbound(body)) : undefined;
  const ends = { requestId: String(requestId), deadline: Number(deadline), timeoutMs: 0, hops: 0 };
  const kind = trigger === undefined ? undefined : TRIGGERS[Number(trigger)];
  sandbox.begin(id, { ...facts, ...ends, body, trigger: kind }, stream);
}
