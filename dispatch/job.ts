/** One request on its way through the dispatcher: its facts, its phases, its result. */
import { type ErrorCode, type FunctionSpec, isNarunError, messageOf } from "../contracts/index.ts";
import type { Nats } from "../nats/index.ts";
import type { OutgoingExchange, RemainingBody, ResponseBody, StreamPresence } from "../streams/index.ts";
import type { Reply, SendableHead, Sending } from "./carrier.ts";
import type { HoldLimits } from "./hold.ts";
import type { Instance } from "./instance.ts";
import type { Instances } from "./instances.ts";
import type { Log } from "./log.ts";
import type { Send } from "./next-step.ts";
import type { Wires } from "./wires.ts";

export interface DispatchRequest {
  service: string;
  head: SendableHead;
  data: Uint8Array | string;
  /** Whether the answer may come as a stream. `rest`: the body beyond `data`. */
  streams: boolean;
  rest?: RemainingBody | undefined;
  /** Whether it may run twice. */
  isRepeatable: boolean;
  /** The end of the wait for the answer, by `performance.now()`. */
  endsAtMs: number;
  settle(outcome: Outcome): void;
  /**
   * No instance takes it, and no handler began it, or it may run twice. It is over here then, and is not settled. Undefined: it is
   * held.
   */
  onUnplaced?(): void;
  /** Functions that call each other share the id of the first request. */
  requestId?: string | undefined;
}

/** The part of a spec that decides about requests. */
export type DispatchSpec = Pick<FunctionSpec, "revision" | "paused" | "interface">;

/** Hears how instances do, to leave out those that fail (breakers.ts). */
export interface InstanceHealth {
  /** A request is under way there. */
  onSent(instance: Instance): void;
  /** `answered`: in time. `failed`: no answer came, or none in time. `unknown`: the request was given up, or not begun. */
  onOver(instance: Instance, how: "answered" | "failed" | "unknown"): void;
}

export type Result =
  | { kind: "reply"; reply: Reply }
  /** The reply is the answer's head. */
  | { kind: "stream"; reply: Reply; body: ResponseBody }
  /** `waitsFor`: the services that the function requires, and that do not run. */
  | { kind: "failed"; code: ErrorCode; waitsFor?: readonly string[] };
export type Outcome = Result & { cold: ColdTiming | undefined };

/** The times of a request that could not be sent at once. */
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

/** Answers that prove that no handler began the request, and how they count. */
export const refusals = {
  "no-responders": "no_responders",
  draining: "draining",
  full: "draining",
  "wants-bhttp": "error",
} as const satisfies Record<string, NatsStatus>;

/** The events that metrics count. */
export interface DispatchObserver {
  replied(service: string, status: NatsStatus): void;
  held(service: string, heldMs: number): void;
  /** `phases`: the times of its parts, as the instance announced them. */
  coldStart(service: string, startMs: number, phases: Readonly<Record<string, number>>): void;
  resent(service: string): void;
}

export interface DispatcherOptions {
  nats: Nats;
  instances: Pick<Instances, "ready" | "markUnreachable" | "markDraining" | "markFull">;
  specOf(service: string): DispatchSpec | undefined;
  /** Chooses one of the ready instances. Default: as choose.ts does. */
  choose?(
    ready: readonly Instance[],
    revision: string | undefined,
    request: DispatchRequest,
  ): Instance | undefined;
  /** Default: none. */
  health?: InstanceHealth;
  /** As `NatsCarrierOptions`. */
  subjectOf?(instance: Instance): string;
  /** Requests of a service wait: for an instance or a consumer, or for room at its instances. */
  wake(service: string): void;
  /** Default: nothing hears of it. */
  onBusy?(service: string): void;
  /** The services that a service requires, and that do not run. */
  waitsFor(service: string): readonly string[];
  /** A request is under way to a target. */
  begun(): void;
  /** Asks instances soon for the requests that are under way. */
  inquire(): void;
  limits: HoldLimits;
  presence: StreamPresence;
  wires: Pick<Wires, "of" | "now" | "learn" | "forget">;
  /** Upper bound of the time that a request is held. */
  holdMs: number;
  observer: DispatchObserver;
  log: Log;
}

/** An instance, or the service's own subject. */
export type Target = Instance | "shared";

export type Held = { kind: "held"; sinceMs: number; timer: NodeJS.Timeout };
export type InFlight = {
  kind: "in-flight";
  target: Target;
  sending: Sending;
  /** Its body comes slowly. Another request has its place until the body is whole (places.ts). */
  isLent: boolean;
};
/** The answer's head has gone to the client, its body comes. */
export type Streaming = {
  kind: "streaming";
  target: Target;
  sending: Sending;
  exchange: OutgoingExchange;
};

export type Flight = InFlight | Streaming;

export interface Job {
  readonly request: DispatchRequest;
  readonly service: string;
  /** The order of arrival. */
  readonly order: number;
  readonly bytes: number;
  /** A part of its body is still to come. */
  readonly isStreamed: boolean;
  readonly deadlineTimer: NodeJS.Timeout;
  phase: { kind: "new" } | Held | InFlight | Streaming | { kind: "done" };
  /** How often it was sent without proof that no handler began it. */
  sends: number;
  /** The service's own subject has no subscriber. */
  hasTriedShared: boolean;
  /** An instance had no room for it: it is not tried elsewhere here. */
  isTurnedAway: boolean;
  cold: ColdTiming | undefined;
}

/** A request in dispatch, for its door. */
export type Dispatched = Job;

/** Estimated memory of a held request besides its body: headers and bookkeeping. */
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
    isTurnedAway: false,
    cold: undefined,
  };
}

/** Notes how long a job was held. `startMs`: since a search for its instance began; undefined where none did. */
export function noteHeld(job: Job, heldMs: number, startMs: number | undefined): void {
  job.cold = { heldMs: (job.cold?.heldMs ?? 0) + heldMs, startMs: startMs ?? job.cold?.startMs };
}

const MAX_SENDS = 3;

/** The facts that decide the next step of a request under way. A stream is never resumed. */
export function sendOf({ request, sends, phase }: Job): Send {
  if (phase.kind === "streaming") return { mayRepeat: false, hasRest: true };
  const hasRest = request.rest !== undefined;
  const isSpent = hasRest && phase.kind === "in-flight" && phase.sending.exchange?.hasSentRest === true;
  return { mayRepeat: request.isRepeatable && !isSpent && sends < MAX_SENDS, hasRest };
}

/** The code of a request that no carrier could send: the reason that the carrier gives, or a fault that is logged. */
export function unsendableCode(log: Log, { service }: Job, error: unknown): ErrorCode {
  if (isNarunError(error)) return error.code;
  log.error({ service, error: messageOf(error) }, "a request cannot be sent");
  return "INTERNAL";
}
