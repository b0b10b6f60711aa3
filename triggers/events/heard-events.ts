/**
 * The event handlers of services that are not durable: they hear the news of events, as `subscribe` hears messages.
 *
 * I1  An event goes to one node of the handler's group, wakes the function, and is handled at most once. It is never tried again.
 */
import { type EventHandler, subjects } from "../../contracts/index.ts";
import { readNews } from "../../nats/index.ts";
import type { TriggerKind, TriggerParts } from "../kind.ts";
import { createSubscriptions } from "../subscriptions/index.ts";
import { eventFields } from "./event-fact.ts";

export function createHeardEvents(parts: TriggerParts): TriggerKind {
  return createSubscriptions(parts, {
    wantedOf: (name, { interface: service }) =>
      (service?.events ?? []).filter(isHeard).map((handler) => ({
        subject: subjects.eventNews(handler.pattern),
        queue: `${name}=${handler.name}`,
        label: handler.name,
      })),
    factOf({ headers, data }, label) {
      const event = readNews(parts.nats.world, headers, data);
      if (event === undefined) return undefined;
      const { sequence, subject, storedAt } = event;
      return {
        ...{ id: String(sequence), subject, timestamp: storedAt.getTime(), attempts: 1, data },
        headers: eventFields(headers, label),
      };
    },
  });
}

function isHeard({ isDurable, isForEach }: EventHandler): boolean {
  return !isDurable && !isForEach;
}
