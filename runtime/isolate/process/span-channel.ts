/**
 * The way of spans from a host process to its runner, which exports them: the host reaches nothing but NATS.
 *
 * I1  Spans go together, so that a request costs no message of its own. At most `MAX_WAITING` wait.
 */
import type { Span, SpanSink } from "../../../traces/index.ts";
import { send } from "./runner-channel.ts";

const BATCH_MS = 100;
const MAX_WAITING = 4_096;

/** A sink whose spans can be sent before their time. */
export interface SpanChannel extends SpanSink {
  flush(): void;
}

export function createSpanChannel(): SpanChannel {
  let waiting: Span[] = [];
  const flush = () => {
    const spans = waiting;
    waiting = [];
    if (spans.length > 0) void send({ type: "spans", spans });
  };
  return {
    record(span) {
      if (waiting.length >= MAX_WAITING) return;
      if (waiting.push(span) > 1) return;
      setTimeout(flush, BATCH_MS);
    },
    flush,
  };
}
