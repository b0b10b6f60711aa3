/** An event as it is stored, read from the forms in which the server gives it. */
import { type Headers, headerNames, headerValue, subjects } from "../../contracts/index.ts";
import type { World } from "../world.ts";

export interface StoredEvent {
  /** Its place in `narun-events`. */
  readonly sequence: number;
  readonly subject: string;
  readonly key: string | undefined;
  /** The function that published it. */
  readonly source: string | undefined;
  readonly isRetained: boolean;
  readonly storedAt: Date;
  /** As its publisher wrote them, and the server's own. */
  readonly headers: Headers;
  /** JSON, unless `Content-Type` says otherwise. Empty: it has no value. */
  readonly data: Uint8Array;
}

const PREFIX = subjects.eventsAll.slice(0, -1);

/** The event's own subject, out of the one in the stream; undefined where it is none. */
export function ownSubject(world: World, wire: string): string | undefined {
  const subject = world.fromWire(wire);
  const behindLane = subject.indexOf(".", PREFIX.length);
  return subject.startsWith(PREFIX) && behindLane !== -1 ? subject.slice(behindLane + 1) : undefined;
}

/** Reads an event. Undefined: it is none, or it is a letter that was sent back to one handler. */
export function toEvent(
  world: World,
  message: { subject: string; sequence: number; storedAt: Date; headers: Headers; data: Uint8Array },
): StoredEvent | undefined {
  const { headers, sequence, storedAt, data } = message;
  const subject = ownSubject(world, message.subject);
  const isEvent = subject !== undefined && Number.isSafeInteger(sequence) && sequence > 0;
  if (!isEvent || headers.has(headerNames.redriveFor)) return undefined;
  return {
    ...{ sequence, subject, storedAt, headers, data },
    key: headerValue(headers, headerNames.eventKey),
    source: headerValue(headers, headerNames.eventSource),
    isRetained: headers.has(headerNames.eventRetained),
  };
}

/** The fields of the news of an event (E3). */
export function readNews(
  world: World,
  headers: Headers | undefined,
  data: Uint8Array,
): StoredEvent | undefined {
  if (headers === undefined) return undefined;
  return toEvent(world, {
    subject: headerValue(headers, "Nats-Subject") ?? "",
    sequence: Number(headerValue(headers, "Nats-Sequence")),
    storedAt: new Date(headerValue(headers, "Nats-Time-Stamp") ?? 0),
    headers,
    data,
  });
}
