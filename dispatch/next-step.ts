/**
 * Decides what becomes of a request that is under way, by what is heard of it (docs/architecture.md, "Begun or not").
 *
 * Two words prove that no handler began it: NATS' "no responders", and the reply `INSTANCE_DRAINING`. An announcement proves
 * nothing, as it comes on another way: it may overtake the reply that the same instance's host sent on another connection,
 * and NATS' own word on a request that is still on its way to the server. So a lost instance makes this gateway ask NATS
 * (a flush). NATS answers a connection's messages in their order: once the answer is there, NATS has said of every request
 * before it whether somebody got it, and has handed over every reply that it had by then.
 */

/** What is heard of a request, or of the one that it was sent to. */
export type Word =
  /** NATS found nobody who subscribes. */
  | "no-responders"
  /** The instance took nothing. */
  | "draining"
  /** The instance is gone: it was announced, or NATS knows nobody of its name, or its time to finish is over. */
  | "gone"
  /** NATS has answered a flush that was asked after `gone`. */
  | "asked"
  /** The instance's node is silent. What runs there may go on all the same. */
  | "silent"
  /** The instance was asked: the request never came, and is not begun there any more. */
  | "not-begun"
  /** The instance was asked: it has neither the request nor its reply, and may have run it. */
  | "over"
  /** NATS has had no subscriber of the instance's name for longer than a connection takes to come back. */
  | "absent"
  /** The connection to NATS broke, and is back. Messages of before may be lost in both directions. */
  | "nats-was-away";

/**
 * `elsewhere`: nobody began it, and it is sent again as if it never had been. `repeat`: it may have begun, and may run twice.
 * `ask`: the flush decides. `wait`: its reply may still come. `fail`: it may have begun, and no reply will come.
 */
export type Step = "elsewhere" | "repeat" | "ask" | "wait" | "fail";

export interface Send {
  /** It may run twice, and was not sent too often. */
  mayRepeat: boolean;
  /** There is more of its body than the first message, which the break of a connection cuts. */
  hasRest: boolean;
}

export function decideStep(word: Word, { mayRepeat, hasRest }: Send): Step {
  switch (word) {
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
    case "nats-was-away":
      if (mayRepeat) return "repeat";
      return hasRest ? "fail" : "wait";
  }
}
