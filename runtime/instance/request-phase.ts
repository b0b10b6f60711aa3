/** The phases of a request that is not over (open-request.ts). */
import type { Awaited } from "./deadline.ts";
import type { BodySender } from "./send-body.ts";
import type { Socket } from "./socket.ts";

export type Phase =
  | { kind: "waiting"; for: Exclude<Awaited, "end of answer"> }
  /** The handler has answered. The answer is about to be sent. */
  | { kind: "answered" }
  /** The body is still with the sandbox: the answer goes out as one message. */
  | { kind: "collecting"; body: BodySender; isEndless: boolean }
  | { kind: "streaming"; body: BodySender; isEndless: boolean }
  | { kind: "socket"; socket: Socket }
  | { kind: "over" };

// Shared by all requests: most of them never leave these phases.
export const WAITING_FOR_ANSWER: Phase = { kind: "waiting", for: "answer" };
export const ANSWERED: Phase = { kind: "answered" };
export const OVER: Phase = { kind: "over" };

/** The body that a phase sends. A socket is one. */
export function bodyOf(phase: Extract<Phase, { kind: "streaming" | "socket" }>): BodySender;
export function bodyOf(phase: Phase): BodySender | undefined;
export function bodyOf(phase: Phase): BodySender | undefined {
  if (phase.kind === "socket") return phase.socket;
  return "body" in phase ? phase.body : undefined;
}

export function awaitedIn(phase: Phase): Awaited {
  if (phase.kind === "waiting") return phase.for;
  return phase.kind === "streaming" || phase.kind === "socket" ? "end of answer" : "answer";
}
