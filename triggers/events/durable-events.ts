/**
 * The durable event handlers of services: each has consumers of its own on the stream of events, which survive zero and wake the
 * function.
 *
 * I1  Each consumer takes the events of its lanes one after the other, on all nodes together: an event that is tried again holds back
 *     those behind it, so that the order of its key holds.
 * I2  An event ends by its handler's return, or as a dead letter. A letter that is sent back is for its own handler only.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type EventHandler,
  headerNames,
  headerValue,
  messageOf,
  stores,
  subjects,
} from "../../contracts/index.ts";
import { eventConsumersOf, openEvents, type PulledMessage } from "../../nats/index.ts";
import type { TriggerKind, TriggerParts } from "../kind.ts";
import { createQueues, factOf, isFor, type QueueSource } from "../queues/index.ts";
import { eventFields } from "./event-fact.ts";

const MAX_DELIVER = 5;
const BACKOFF = { minMs: 1_000, maxMs: 60_000 };
const ACK_WAIT_MS = 30_000;
const RETRY_MS = 2_000;

export function createDurableEvents(parts: TriggerParts): TriggerKind {
  const closing = new AbortController();
  const made = makeStreams(parts, closing.signal);
  const queues = createQueues(parts, sourceOf(parts));
  return {
    ...queues,
    onSpec(name, spec) {
      // A reader that comes before the stream would tell the function's author that it is missing.
      void made.then(() => closing.signal.aborted || queues.onSpec(name, spec));
    },
    metrics: () => queues.metrics?.() ?? [],
    drain(grace) {
      closing.abort();
      return queues.drain(grace);
    },
  };
}

/** Resolves when the streams are there, or the signal aborts. */
async function makeStreams({ nats, log }: TriggerParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await openEvents(nats);
      return;
    } catch (error) {
      log.warn({ error: messageOf(error) }, "the streams of events could not be made");
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

const sourceOf = ({ nats }: TriggerParts): QueueSource => ({
  what: "its events",
  readingsOf: (name, { interface: service }) =>
    (service?.events ?? []).flatMap((handler) =>
      eventConsumersOf(nats, name, handler).map((named) => ({
        reading: {
          consumer: {
            ...{ stream: stores.events.stream, owner: name, ...named },
            ...{ ackWaitMs: ACK_WAIT_MS, maxPending: 1, from: startOf(handler) },
          },
          label: handler.name,
          ...{ size: 1, waitMs: 0, slots: 1 },
        },
        policy: { maxDeliver: handler.maxDeliver ?? MAX_DELIVER, ...BACKOFF },
      })),
    ),
  // A push that no node could try has no description.
  isKnown: ({ interface: service }) => service !== undefined,
  factOf(message, { label = "" }) {
    const fact = factOf(message);
    return { ...fact, subject: eventSubject(message), headers: eventFields(message.headers, label) };
  },
  takes(message, { consumer, label }) {
    const handler = headerValue(message.headers, headerNames.eventHandler);
    return isFor(message, consumer.owner) && (handler === undefined || handler === label);
  },
  lettersFields: ({ headers }, { label = "" }) => new Map(headers).set(headerNames.eventHandler, [label]),
});

/** The event's own subject, out of the one in the stream. */
function eventSubject({ subject }: PulledMessage): string {
  return subject.slice(subject.indexOf(".", LANE_AT) + 1);
}

const LANE_AT = subjects.eventsAll.length - 1;

function startOf({ since }: EventHandler): "first" | "new" | "last-of-each" | Date {
  if (since === "all") return "first";
  if (since === "last") return "last-of-each";
  const at = new Date(since);
  return Number.isNaN(at.getTime()) ? "new" : at;
}
