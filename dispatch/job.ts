/** One request on its way through the dispatcher, what is asked of it, and what becomes of it. */
import type { ErrorCode, FunctionSpec } from "../contracts/index.ts";
import type { Headers, Message, Nats, PendingReply } from "../nats/index.ts";
import type { OutgoingExchange, RemainingBody, ResponseBody, StreamPresence } from "../streams/index.ts";
import type { HoldLimits } from "./hold.ts";
import type { Instance, Instances } from "./instances.ts";
import type { Log } from "./log.ts";
import type { Send } from "./next-step.ts";

export interface DispatchRequest {
  service: string;
  headers: Headers;
  data: Uint8Array;
  /** Whether the answer may come as a stream, and what there is of the body besides `data`. */
  streams: boolean;
  rest?: RemainingBody | undefined;
  /** Whether it may run twice. */
  isRepeatable: boolean;
  /** When nobody waits for the answer any more, by `performance.now()`. */
  endsAtMs: number;
  settle(outcome: Outcome): void;
}

export type Result =
  | { kind: "reply"; message: Message }
  /** The message is the answer's head. */
  | { kind: "stream"; message: Message; body: ResponseBody }
  | { kind: "failed"; code: ErrorCode };
export type Outcome = Result & { cold: ColdTiming | undefined };

/** What a request waited for that could not be sent at once. */
export interface ColdTiming {
  heldMs: number;
  /** From the first demand to the instance. Undefined: none had to be started. */
  startMs: number | undefined;
}

export type NatsStatus =
  | "success"
  | "error"
  | "no_responders"
  | "draining"
  | "timeout"
  | "consumer_died"
  | "bad_reply";

/** What the metrics hear of. */
export interface DispatchObserver {
  replied(service: string, status: NatsStatus): void;
  held(service: string, heldMs: number): void;
  /** `phases`: how long its parts took, as the instance announced. */
  coldStart(service: string, startMs: number, phases: Readonly<Record<string, number>>): void;
  resent(service: string): void;
}

export interface DispatcherOptions {
  nats: Nats;
  instances: Pick<Instances, "ready" | "markUnreachable" | "markDraining">;
  specOf(service: string): FunctionSpec | undefined;
  /** Begins a search for somebody who takes a service's requests. */
  wake(service: string): void;
  limits: HoldLimits;
  presence: StreamPresence;
  /** How long a request is held at most. */
  holdMs: number;
  observer: DispatchObserver;
  log: Log;
}

/** By an instance, or by whoever answers on the service's own subject. */
export type Target = Instance | "shared";

export type Held = { kind: "held"; sinceMs: number; timer: NodeJS.Timeout };
/** `exchange`: where both sides take streams. */
export type InFlight = {
  kind: "in-flight";
  target: Target;
  pending: PendingReply;
  exchange: OutgoingExchange | undefined;
  /** Its body comes slowly: its place is somebody else's until the body is whole (places.ts). */
  isLent: boolean;
};
/** The answer's head has gone to the client, its body comes. */
export type Streaming = {
  kind: "streaming";
  target: Target;
  pending: PendingReply;
  exchange: OutgoingExchange;
};

export type Flight = InFlight | Streaming;

export interface Job {
  readonly request: DispatchRequest;
  readonly service: string;
  /** Of arrival. */
  readonly order: number;
  readonly bytes: number;
  /** A part of its body is still to come. */
  readonly isStreamed: boolean;
  readonly deadlineTimer: NodeJS.Timeout;
  phase: { kind: "new" } | Held | InFlight | Streaming | { kind: "done" };
  /** How often it was sent without proof that nobody began it. */
  sends: number;
  /** NATS found nobody on the service's own subject. */
  hasTriedShared: boolean;
  cold: ColdTiming | undefined;
}

/** What a held request costs beside its body: headers and bookkeeping, roughly. */
const OVERHEAD_BYTES = 2_048;

export function createJob(request: DispatchRequest, order: number, onDeadline: () => void): Job {
  return {
    request,
    service: request.service,
    order,
    bytes: request.data.length + OVERHEAD_BYTES,
    isStreamed: request.rest !== undefined,
    deadlineTimer: setTimeout(onDeadline, Math.max(0, request.endsAtMs - performance.now())),
    phase: { kind: "new" },
    sends: 0,
    hasTriedShared: false,
    cold: undefined,
  };
}

/** How many of them are held, and under way, by service. */
export function countJobs(jobs: Iterable<Job>): Map<string, { held: number; inFlight: number }> {
  const counts = new Map<string, { held: number; inFlight: number }>();
  for (const { service, phase } of jobs) {
    const count = counts.get(service) ?? { held: 0, inFlight: 0 };
    count[phase.kind === "held" ? "held" : "inFlight"] += 1;
    counts.set(service, count);
  }
  return counts;
}

/** The jobs among them that are under way. */
export function flightsOf(jobs: Iterable<Job>): { job: Job; flight: Flight }[] {
  return [...jobs].flatMap((job) => {
    const { phase } = job;
    return phase.kind === "in-flight" || phase.kind === "streaming" ? [{ job, flight: phase }] : [];
  });
}

const MAX_SENDS = 3;

/** What the next step of a request depends on that is under way. A stream is never resumed. */
export function sendOf({ request, sends, phase }: Job): Send {
  if (phase.kind === "streaming") return { mayRepeat: false, hasRest: true };
  const isSpent = phase.kind === "in-flight" && phase.exchange?.hasSentRest === true;
  return {
    mayRepeat: request.isRepeatable && !isSpent && sends < MAX_SENDS,
    hasRest: request.rest !== undefined,
  };
}
