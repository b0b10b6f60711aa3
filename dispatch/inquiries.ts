/**
 * Asks instances for requests that have been under way for a while (docs/wire.md, "Asking after requests"): when a
 * connection breaks, the instance's, this gateway's or one between servers, requests and replies are lost without a word.
 *
 * I1  An instance has one inquiry at a time, and one every `TICK_MS` while requests of a tick or more are under way there.
 * I2  When NATS was away, all that is under way is asked for at once.
 * I3  An instance that NATS has no subscriber for is asked again; after `ABSENT_MS` its requests are given up.
 * I4  An instance that does not answer is left alone: older ones know no inquiries, and the deadlines end the wait.
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
import type { Word } from "./next-step.ts";

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
/** How long an instance may be without a connection: one that breaks is back within 2 s (nats/connection.ts). */
const ABSENT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 2_000;

/** The answer's head was lost where the state is `streaming`: the body waits for credit, and nobody grants any. */
const WORDS: Readonly<Record<Flight["kind"], Partial<Record<RequestState, Word>>>> = {
  "in-flight": { new: "not-begun", over: "over", streaming: "over" },
  streaming: { new: "over", over: "over" },
};

interface Asked {
  isUnderWay: boolean;
  /** Since when NATS has had no subscriber. */
  absentSinceMs: number | undefined;
}

export function createInquiries({ nats, dispatcher }: InquiriesOptions): Inquiries {
  let asked = new Map<Instance, Asked>();
  /** The flights of the last look: those among them have been under way for a tick. */
  let known = new Set<Flight>();

  const hear = (flights: readonly Flight[], states: readonly RequestState[]) => {
    const words = Map.groupBy(flights, ({ kind }, at) => WORDS[kind][states[at] ?? "running"]);
    for (const [word, concerned] of words) {
      if (word === undefined) continue;
      // One that was answered or sent elsewhere meanwhile is another flight.
      const are = new Set(concerned);
      dispatcher.hear(word, (flight) => are.has(flight));
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
      // After a break of this gateway's connection the count begins anew (I2). A subject that NATS does not permit is no
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
