import { headerNames, NarunError } from "../contracts/index.ts";
import { eventConsumersOf, type Nats, openEvents, openSpecs, type StoredEvent } from "../nats/index.ts";

export interface EventSubject {
  subject: string;
  /** How many events are stored. */
  events: number;
  /** When its retained event was published, ISO 8601. Undefined: it has none. */
  retained?: string;
}

/** The subjects of a pattern that have events, by name. */
export async function listEventSubjects(nats: Nats, pattern: string): Promise<EventSubject[]> {
  const events = await openEvents(nats);
  const found = new Map<string, EventSubject>();
  for (const [subject, count] of await events.subjects(pattern))
    found.set(subject, { subject, events: count });
  for await (const { subject, storedAt } of events.retained(pattern)) {
    const one = found.get(subject) ?? { subject, events: 0 };
    found.set(subject, { ...one, retained: storedAt.toISOString() });
  }
  return [...found.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1));
}

export interface Replay {
  pattern: string;
  since: Date | undefined;
  /** The service whose durable handlers get the events. */
  to: string;
  /** Only this one. Default: all whose pattern matches. */
  handler: string | undefined;
  /** Nothing is sent. */
  dryRun: boolean;
  isMeant(event: StoredEvent): boolean;
}

/** Fields that are the server's, or belong to one delivery. */
const NOT_OWN = /^Nats-/i;

/**
 * Has durable handlers of one service handle stored events again, in their order, and calls back with each. Other handlers and readers
 * hear nothing of it. Returns how many. Errors: FUNCTION_NOT_FOUND; EVENT_HANDLER_NOT_FOUND.
 */
export async function replayEvents(
  nats: Nats,
  { pattern, since, to, handler, dryRun, isMeant }: Replay,
  onEvent: (event: StoredEvent) => void,
): Promise<number> {
  await requireHandler(nats, to, handler);
  const events = await openEvents(nats);
  const { last } = await events.bounds();
  const from = since === undefined ? 1 : await events.sequenceAt(since);
  let count = 0;
  for await (const event of events.read(pattern, from)) {
    // Events that come meanwhile are heard anyway; those that are sent again are stored behind them.
    if (event.sequence > last) break;
    if (!isMeant(event)) continue;
    count += 1;
    onEvent(event);
    if (!dryRun) await events.publish(again(event, to, handler));
  }
  return count;
}

function again(
  { subject, key, data, source, headers }: StoredEvent,
  to: string,
  handler: string | undefined,
) {
  const own = new Map([...headers].filter(([name]) => !NOT_OWN.test(name)));
  own.delete(headerNames.eventRetained);
  own.set(headerNames.redriveFor, [to]);
  if (handler !== undefined) own.set(headerNames.eventHandler, [handler]);
  return { subject, key, data, source, headers: own };
}

async function requireHandler(nats: Nats, to: string, handler: string | undefined): Promise<void> {
  const read = await (await openSpecs(nats)).get(to);
  if (read?.ok !== true || read.value.kind !== "function")
    throw new NarunError("FUNCTION_NOT_FOUND", { detail: to, name: to });
  const durable = (read.value.spec.interface?.events ?? []).filter(
    (one) => eventConsumersOf(nats, to, one).length > 0,
  );
  if (durable.some(({ name }) => handler === undefined || name === handler)) return;
  const names = durable.map(({ name }) => name).join(", ");
  throw new NarunError("EVENT_HANDLER_NOT_FOUND", {
    detail: `${to} has ${names === "" ? "no durable handlers" : `the durable handlers ${names}`}`,
  });
}
