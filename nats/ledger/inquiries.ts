/**
 * Asks answerers for requests that have been under way for a while (docs/wire.md, "Asking after requests"). A break of any
 * connection (the asker's, the answerer's, one between servers) loses requests and replies without notice.
 *
 * I1  An answerer has one inquiry at a time. It is asked every `TICK_MS` while requests of a tick or more are under way there.
 *     Without requests under way there is no tick: it would wake a process at rest.
 * I2  When NATS was away, all requests under way are asked for at once.
 * I3  An answerer without a subscriber is asked again. After `ABSENT_MS` its requests are `absent`.
 * I4  An inquiry without an answer has no effect: older answerers know no inquiries. Deadlines end the wait.
 */
import { MAX_INQUIRED, type RequestState } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { NoReplyError } from "../request.ts";
import type { PendingReply } from "../requester.ts";

/** The state of a request by the word of its answerer. `absent`: the answerer has had no connection for `ABSENT_MS`. */
export type InquiredState = RequestState | "absent";

export interface InquiriesOptions<Flight, Answerer> {
  nats: Nats;
  /** The requests that are under way. */
  flights(): readonly Flight[];
  /** The answerer of a request; undefined if it cannot be asked. */
  answererOf(flight: Flight): Answerer | undefined;
  pendingOf(flight: Flight): PendingReply;
  /** Asks once; resolves with a state for each request, in the same order. Throws NoReplyError. */
  ask(answerer: Answerer, requests: readonly string[]): Promise<readonly RequestState[]>;
  /** Some of them may be answered, or sent elsewhere, meanwhile. */
  hear(state: InquiredState, flights: readonly Flight[]): void;
}

export interface Inquiries {
  /** A request is under way: the ticks begin, unless they run. */
  begin(): void;
  /** NATS is back. */
  onReconnect(): void;
  /** A connection beside NATS broke: asks for all requests that are under way. */
  askNow(): void;
  close(): void;
}

/** How long a request is under way before it is asked for, and the pause between two inquiries. */
const TICK_MS = 500;
/** How long an answerer may be without a connection. A broken connection is back within 2 s (connection.ts). */
export const ABSENT_MS = 5_000;

interface Asked {
  isUnderWay: boolean;
  /** When NATS was first found without a subscriber, by `performance.now()`. */
  absentSinceMs: number | undefined;
}

export function createInquiries<Flight, Answerer>(options: InquiriesOptions<Flight, Answerer>): Inquiries {
  const { nats, answererOf, hear } = options;
  let asked = new Map<Answerer, Asked>();
  /** The flights of the last tick. */
  let known = new Set<Flight>();

  const noteAbsence = (answerer: Answerer, state: Asked) => {
    state.absentSinceMs ??= performance.now();
    if (performance.now() - state.absentSinceMs < ABSENT_MS) return;
    state.absentSinceMs = undefined;
    const flights = options.flights().filter((flight) => answererOf(flight) === answerer);
    hear("absent", flights);
  };
  const ask = async (answerer: Answerer, flights: readonly Flight[], state: Asked) => {
    state.isUnderWay = true;
    try {
      const requests = flights.map((flight) => options.pendingOf(flight).subject);
      const states = await options.ask(answerer, requests);
      state.absentSinceMs = undefined;
      const heard = Map.groupBy(flights, (_, at) => states[at] ?? "running");
      for (const [word, concerned] of heard) hear(word, concerned);
    } catch (error) {
      // After a break of this connection the count begins anew (I2). A subject that NATS does not permit is no absence (I4).
      const isAbsent = error instanceof NoReplyError && error.reason === "no-responders";
      if (isAbsent && asked.get(answerer) === state) noteAbsence(answerer, state);
    } finally {
      state.isUnderWay = false;
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const rest = () => {
    clearInterval(timer);
    timer = undefined;
  };
  const look = (isDue: (flight: Flight) => boolean) => {
    const flights = options.flights();
    if (flights.length === 0) rest();
    const byAnswerer = Map.groupBy(flights.filter(isDue), answererOf);
    known = new Set(flights);
    for (const answerer of asked.keys()) if (!byAnswerer.has(answerer)) asked.delete(answerer);
    if (nats.state !== "connected") return;
    for (const [answerer, due] of byAnswerer) {
      if (answerer === undefined) continue;
      const state = asked.get(answerer) ?? { isUnderWay: false, absentSinceMs: undefined };
      asked.set(answerer, state);
      if (!state.isUnderWay) void ask(answerer, due.slice(0, MAX_INQUIRED), state);
    }
  };
  const begin = () => {
    known = new Set(options.flights());
    timer = setInterval(() => look((flight) => known.has(flight)), TICK_MS);
  };
  return {
    begin() {
      if (timer === undefined) begin();
    },
    onReconnect() {
      asked = new Map();
      look(() => true);
    },
    askNow: () => look(() => true),
    close: rest,
  };
}
