/**
 * The calls of this process that are under way at gateways. Inquiries (nats/ledger/inquiries.ts) find calls whose request or
 * reply was lost. A sender does not know which gateway took its call, so all gateways are asked.
 *
 * I1  A call waits while a gateway has it and has not answered it.
 * I2  A gateway without a connection may have a call that no other gateway has (`new`, `over`). So a call that may run only
 *     once is lost after `ABSENT_MS`, and a call that may run twice at once.
 */
import { type ErrorCode, subjects } from "../contracts/index.ts";
import {
  ABSENT_MS,
  askAll,
  createInquiries,
  type InquiredState,
  type Nats,
  type PendingReply,
} from "../nats/index.ts";

export interface OpenCall {
  readonly pending: PendingReply;
  readonly mayRepeat: boolean;
  /** Its request or its reply was lost: it is sent again where it may be, else it ends with the code. */
  onLost(code: ErrorCode): void;
}

export interface OpenCalls {
  /** Looks after a call from now on; returns the function that ends that. */
  follow(call: OpenCall): () => void;
  close(): void;
}

interface Followed {
  readonly call: OpenCall;
  /** Since when no gateway is known to have it. */
  missingSinceMs: number | undefined;
}

export function createOpenCalls(nats: Nats): OpenCalls {
  const open = new Set<Followed>();
  const inquiries = createInquiries<Followed, "gateways">({
    nats,
    flights: () => [...open],
    answererOf: () => "gateways",
    pendingOf: ({ call }) => call.pending,
    ask: (_, requests) => askAll(nats, subjects.inquiriesToGateways, requests),
    hear(state, flights) {
      for (const followed of flights) {
        const code = open.has(followed) ? codeOf(state, followed) : undefined;
        if (code === undefined) continue;
        followed.missingSinceMs = undefined;
        followed.call.onLost(code);
      }
    },
  });
  const forget = nats.onState((state) => {
    if (state === "connected") inquiries.onReconnect();
  });
  return {
    follow(call) {
      const followed: Followed = { call, missingSinceMs: undefined };
      open.add(followed);
      inquiries.begin();
      return () => open.delete(followed);
    },
    close() {
      forget();
      inquiries.close();
    },
  };
}

/** The code with which a call is lost; undefined where its reply may still come. */
function codeOf(state: InquiredState, followed: Followed): ErrorCode | undefined {
  if (state === "absent") return "CONSUMER_DIED";
  if (state === "streaming") return "STREAM_BROKEN";
  if (state !== "new" && state !== "over") {
    followed.missingSinceMs = undefined;
    return undefined;
  }
  const nowMs = performance.now();
  followed.missingSinceMs ??= nowMs;
  const isLost = followed.call.mayRepeat || nowMs - followed.missingSinceMs >= ABSENT_MS;
  if (!isLost) return undefined;
  return state === "over" ? "STREAM_BROKEN" : "CONSUMER_DIED";
}
