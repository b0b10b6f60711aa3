/**
 * Asks instances for requests that have been under way for a while (docs/wire.md, "Asking after requests"). A break of any
 * connection (the instance's, this gateway's, one between servers) loses requests and replies without notice.
 *
 * I1  An instance has one inquiry at a time. It is asked every `TICK_MS` while requests of a tick or more are under way there.
 * I2  When NATS was away, all requests under way are asked for at once.
 * I3  An instance without a subscriber is asked again. After `ABSENT_MS` its requests are given up.
 * I4  An instance that does not answer is not asked again: older instances know no inquiries. Deadlines end the wait.
 */
import {
  type Inquiry,
  InquiryReplySchema,
  MAX_INQUIRED,
  parseJson,
  type RequestState,
  subjects,
} from "../contracts/index.ts";
import { type Nats, NoReplyError } from "../nats/index.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Instance } from "./instance.ts";
import type { Flight } from "./job.ts";
import type { Evidence } from "./next-step.ts";

export interface Inquiries {
  /** NATS is back. */
  onReconnect(): void;
  close(): void;
}

export interface InquiriesOptions {
  nats: Nats;
  dispatcher: Pick<Dispatcher, "flights" | "hear">;
}

const TICK_MS = 500;
/** How long an instance may be without a connection. A broken connection is back within 2 s (nats/connection.ts). */
const ABSENT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 2_000;

/** The evidence in an instance's states. `streaming` without a head: the head was lost, and the body waits for credit. */
const EVIDENCE: Readonly<Record<Flight["kind"], Partial<Record<RequestState, Evidence>>>> = {
  "in-flight": { new: "not-begun", over: "over", streaming: "over" },
  streaming: { new: "over", over: "over" },
};

interface Asked {
  isUnderWay: boolean;
  /** When NATS was first found without a subscriber, by `performance.now()`. */
  absentSinceMs: number | undefined;
}

export function createInquiries({ nats, dispatcher }: InquiriesOptions): Inquiries {
  let asked = new Map<Instance, Asked>();
  /** The flights of the last tick. */
  let known = new Set<Flight>();

  const hear = (flights: readonly Flight[], states: readonly RequestState[]) => {
    const heard = Map.groupBy(flights, ({ kind }, at) => EVIDENCE[kind][states[at] ?? "running"]);
    for (const [evidence, concerned] of heard) {
      if (evidence === undefined) continue;
      // A request that was answered or sent elsewhere meanwhile is another flight.
      const members = new Set(concerned);
      dispatcher.hear(evidence, (flight) => members.has(flight));
    }
  };
  const noteAbsence = (instance: Instance, state: Asked) => {
    state.absentSinceMs ??= performance.now();
    if (performance.now() - state.absentSinceMs < ABSENT_MS) return;
    state.absentSinceMs = undefined;
    dispatcher.hear("absent", ({ target }) => target === instance);
  };
  const ask = async (instance: Instance, flights: readonly Flight[], state: Asked) => {
    const inquiry: Inquiry = { requests: flights.map(({ pending }) => pending.subject) };
    state.isUnderWay = true;
    const question = JSON.stringify(inquiry);
    try {
      const reply = await nats.request(subjects.inquiries(instance.id), question, {
        timeoutMs: ANSWER_TIMEOUT_MS,
      });
      state.absentSinceMs = undefined;
      hear(flights, parseJson(reply.text(), InquiryReplySchema)?.states ?? []);
    } catch (error) {
      // After a break of this gateway's connection the count begins again (I2). A subject that NATS does not permit is no
      // absence (I4).
      const isAbsent = error instanceof NoReplyError && error.reason === "no-responders";
      if (isAbsent && asked.get(instance) === state) noteAbsence(instance, state);
    } finally {
      state.isUnderWay = false;
    }
  };
  const look = (isDue: (flight: Flight) => boolean) => {
    const flights = dispatcher.flights();
    const byTarget = Map.groupBy(flights.filter(isDue), ({ target }) => target);
    known = new Set(flights);
    for (const instance of asked.keys()) if (!byTarget.has(instance)) asked.delete(instance);
    if (nats.state !== "connected") return;
    for (const [target, due] of byTarget) {
      if (target === "shared") continue;
      const state = asked.get(target) ?? { isUnderWay: false, absentSinceMs: undefined };
      asked.set(target, state);
      if (!state.isUnderWay) void ask(target, due.slice(0, MAX_INQUIRED), state);
    }
  };
  const timer = setInterval(() => look((flight) => known.has(flight)), TICK_MS);
  return {
    onReconnect() {
      asked = new Map();
      look(() => true);
    },
    close: () => clearInterval(timer),
  };
}
