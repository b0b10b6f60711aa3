/**
 * A small model of one request between a gateway, nats-server, an instance, its host and its node-runner. It tries every order
 * of events that NATS and a socket allow, and uses the gateway's own decision (next-step.ts).
 *
 * The server takes the messages of a connection in their order, and delivers to a connection in order. A socket keeps its own
 * order. Between connections every order is tried.
 *
 * A process that dies loses the last messages that it sent, of any number. A connection to NATS that breaks loses the last
 * messages under way in both directions, and all messages to it until its client is back. Messages that the server received
 * on it, and did not take yet, may come after messages of the next connection. A socket that breaks loses the last frames
 * under way in both directions: each side reads the earlier ones, and then its end. The gateway's connection breaks once, the
 * host's once, and the socket once. A host whose instance is gone may leave: it ends the socket by a handshake.
 *
 * The gateway may ask the instance for its request at any time. By a timer it asks when nothing else can happen.
 *
 * Left out: a host that drains while its connection to NATS is broken, and a host that does not answer a ping in time.
 */
import { gatewayChanges, questions } from "./send-model/gateway.ts";
import { hostChanges } from "./send-model/host.ts";
import { mishapsOf } from "./send-model/mishaps.ts";
import { serverChanges } from "./send-model/server.ts";
import { type Carrier, type End, type Rule, type State, startBy } from "./send-model/state.ts";

export type { Carrier, Rule } from "./send-model/state.ts";

export interface Outcome {
  /** `stuck`: only the request's deadline ends it. */
  end: End | "stuck";
  /** How often a handler began the request. */
  begun: number;
  /** NATS delivered it to a subscriber: no party can prove that it did not begin. */
  wasDelivered: boolean;
  /** A connection that carries the request or its answer broke. */
  hasBroken: boolean;
  /** The events, in order. */
  trace: string[];
}

/** A state, and the way to it. */
interface Path {
  state: State;
  event: string;
  before: Path | undefined;
}

/** Every way in which a request can end, each with one trace that leads there, as they are found. */
export function* exploreSends(rule: Rule, carrier: Carrier, isRepeatable: boolean): Generator<Outcome> {
  const start = startBy(carrier);
  const seen = new Set([keyOf(start)]);
  const found = new Set<string>();
  const open: Path[] = [{ state: start, event: "", before: undefined }];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const { state } = path;
    const changes = [
      ...serverChanges(state),
      ...hostChanges(state),
      ...gatewayChanges(state, rule, isRepeatable),
    ];
    // The first question may come at any time. The timer brings further ones when nothing else can happen.
    if (changes.length === 0 || state.asks < 1) changes.push(...questions(state, rule));
    if (changes.length === 0) {
      const facts = factsOf(state);
      const key = JSON.stringify(facts);
      if (!found.has(key)) yield { ...facts, trace: eventsTo(path) };
      found.add(key);
    }
    for (const [event, next] of [...changes, ...mishapsOf(state)]) {
      const key = keyOf(next);
      if (seen.has(key)) continue;
      seen.add(key);
      open.push({ state: next, event, before: path });
    }
  }
}

function keyOf(state: State): string {
  return JSON.stringify(Object.values(state));
}

function factsOf(state: State): Omit<Outcome, "trace"> {
  const { request, begun, wasDelivered, carrier, isCut, hasBroken, hasHostBroken } = state;
  return {
    end: request === "under-way" ? "stuck" : request,
    begun,
    wasDelivered,
    hasBroken: carrier === "socket" ? isCut : hasBroken || hasHostBroken,
  };
}

function eventsTo(path: Path): string[] {
  const events: string[] = [];
  for (let step: Path | undefined = path; step?.before !== undefined; step = step.before)
    events.unshift(step.event);
  return events;
}
