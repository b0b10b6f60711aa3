/** The instance as the handler's sandbox sees it, on the other side of a message port. */
import { FailureKind, PostOp, sendStream } from "../../../../web/thread.ts";
import type { HandlerSandbox } from "../../../handler/handler-sandbox.ts";
import type { RefusalReason, SandboxOwner } from "../../../instance/sandbox.ts";
import { ThreadOp } from "../thread-messages.ts";
import { sourceOf } from "./source-of.ts";

const FAILURES: Readonly<Record<RefusalReason, number>> = {
  threw: FailureKind.threw,
  "no response": FailureKind.noResponse,
  "method not allowed": FailureKind.methodNotAllowed,
  "no handler": FailureKind.noHandler,
};

export interface ThreadOwnerOptions {
  post(...message: unknown[]): void;
  /** Rewrites the places of this program in a stack. */
  ownPlaces(text: string): string;
  sandbox(): Pick<HandlerSandbox, "takeBody" | "trailersOf"> | undefined;
}

export function createThreadOwner({ post, ownPlaces, sandbox }: ThreadOwnerOptions): SandboxOwner {
  let socketMessages = 0;
  return {
    requests: {
      respond(id, status, headerBlock, body) {
        const begun = typeof body === "number" ? sandbox()?.takeBody(body) : undefined;
        const trailers = () => sandbox()?.trailersOf(id);
        const content = begun === undefined ? body : sendStream(sourceOf(begun), undefined, trailers);
        post(PostOp.response, id, status, headerBlock, content);
      },
      refuse: (id, reason, text) => post(PostOp.failure, id, FAILURES[reason], ownPlaces(text)),
      upgrade: (id, headerBlock) => post(PostOp.upgrade, id, headerBlock),
      socketMessage: (id, data) => post(PostOp.socketMessage, id, data, ++socketMessages),
      socketClose: (id, code, reason) => post(PostOp.socketClose, id, code, reason),
      beginBackground: (id) => post(PostOp.background, id),
      endBackground: (id) => post(PostOp.backgroundDone, id),
      fail: (id, code) => post(ThreadOp.failed, id, code),
      // The instance knows these facts. The code is not asked for them.
      requestIdOf: () => undefined,
      find: () => undefined,
      isOver: () => false,
      hopsOf: () => 0,
    },
    log: {
      write: (level, text, requestId) => post(ThreadOp.wrote, level, ownPlaces(String(text)), requestId),
      say: (text, requestId) => post(ThreadOp.wrote, "error", ownPlaces(text), requestId),
      dropped: () => undefined,
      close: async () => undefined,
    },
    condemn: () => undefined,
    replace: () => undefined,
  };
}
