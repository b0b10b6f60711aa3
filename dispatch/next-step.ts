/**
 * Decides the next step of a request under way, by the evidence about it (docs/architecture.md, "Begun or not").
 *
 * Two kinds of evidence prove that no handler began it: NATS' "no responders", and the reply `INSTANCE_DRAINING`. An
 * announcement proves nothing, as it comes on another connection. It may overtake the instance's reply, and NATS' own answer
 * to a request that is still on its way to the server. So a lost instance makes this gateway ask (a flush): NATS, and before it
 * the instance's host where the request went by its socket. Each answers the messages of a connection in their order. After
 * the flush NATS has told of every earlier request without a subscriber, the host has refused every request for an instance
 * that is gone, and every reply that they had by then has come.
 */

import type { ErrorCode } from "../contracts/index.ts";

/** Evidence about a request, or about its target. */
export type Evidence =
  /** The subject has no subscriber. */
  | "no-responders"
  /** The instance refused the request. */
  | "draining"
  /** The instance is gone: by its announcement, as its subject has no subscriber, or as its time to finish is over. */
  | "gone"
  /** NATS, and the host of a request that went by its socket, have answered a flush that was sent after `gone`. */
  | "asked"
  /** The instance's node is silent. The instance may still run. */
  | "silent"
  /** The instance was asked: the request has not come, and will not be begun there. */
  | "not-begun"
  /** The instance was asked: it has neither the request nor its reply, and may have run it. */
  | "over"
  /** The instance has had no subscriber for longer than a connection takes to come back. */
  | "absent"
  /** The connection to its host broke on which it was sent. Its reply may be sent again over NATS. */
  | "link-broken"
  /** The connection to NATS broke, and is back. Earlier messages may be lost in both directions. */
  | "nats-was-away";

/**
 * `elsewhere`: no handler began it; it is sent again, and the first sending does not count. `repeat`: it may have begun, and
 * may run twice. `ask`: a flush decides. `wait`: its reply may still come. `fail`: it may have begun, and no reply will come.
 */
export type Step = "elsewhere" | "repeat" | "ask" | "wait" | "fail";

export interface Send {
  /** It may run twice, and was not sent too often yet. */
  mayRepeat: boolean;
  /** Its body goes beyond the first message. The break of a connection cuts such a body. */
  hasRest: boolean;
}

export function decideStep(evidence: Evidence, { mayRepeat, hasRest }: Send): Step {
  switch (evidence) {
    case "no-responders":
    case "draining":
    case "not-begun":
      return "elsewhere";
    case "gone":
      return "ask";
    case "asked":
    case "over":
    case "absent":
      return mayRepeat ? "repeat" : "fail";
    case "silent":
      return mayRepeat ? "repeat" : "wait";
    case "link-broken":
    case "nats-was-away":
      if (mayRepeat) return "repeat";
      return hasRest ? "fail" : "wait";
  }
}

/** The code of a request that ends by evidence. */
export function codeOf(evidence: Evidence): ErrorCode {
  const isBreak = evidence === "nats-was-away" || evidence === "link-broken" || evidence === "over";
  return isBreak ? "STREAM_BROKEN" : "CONSUMER_DIED";
}
