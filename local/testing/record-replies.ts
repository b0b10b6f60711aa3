import type { FrameBody } from "../../contracts/index.ts";
import type { ReplyReceiver } from "../host-link.ts";

export interface RecordedReplies extends ReplyReceiver {
  readonly events: unknown[][];
  /** Resolves with all events when the request is over, or its stream ended. */
  readonly over: Promise<unknown[][]>;
}

/** A receiver that writes down what it hears. Bodies become texts. */
export function recordReplies(): RecordedReplies {
  const events: unknown[][] = [];
  const { promise, resolve } = Promise.withResolvers<unknown[][]>();
  const add = (isLast: boolean, ...event: unknown[]) => {
    events.push(event);
    if (isLast) resolve(events);
  };
  return {
    events,
    over: promise,
    onResponse: (status, block, body) => add(true, "response", status, block, textOf(body)),
    onHead: (status, block) => add(false, "head", status, block),
    onError: (code, limit) => add(true, "error", code, limit),
    onFrame: (frame, payload, trailers) =>
      add(frame.kind === "end" || frame.kind === "break", "frame", frame, textOf(payload), trailers),
    onEnd: () => add(true, "end"),
  };
}

function textOf(bytes: FrameBody): string | undefined {
  return typeof bytes === "string" ? bytes : bytes && Buffer.from(bytes).toString("utf8");
}
