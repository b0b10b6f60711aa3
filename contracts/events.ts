/**
 * Events: facts that functions publish, and that any number of others hear. A publisher knows no hearer. docs/events.md has the whole.
 *
 * E1  An event is a message of the stream `narun-events`. Its sequence there is its id, and its place among all events.
 * E2  Its subject on the wire names a lane: events of one key, or without a key of one subject, have the same. A durable handler takes
 *     the events of a lane one after the other, so that their order holds, also where nodes die.
 * E3  The server tells the news of each event that it has stored, with its sequence. Hearers need no consumer of their own.
 */
import { z } from "zod";
import { isLiteralSubject, isSubjectPattern, matchesSubject } from "./bindings/subjects.ts";

/** How many lanes there are. Changing it breaks the order of keys at that moment. */
export const EVENT_LANES = 8;
/** How many consumers a durable handler has. Each takes the events of its lanes in order. */
const EVENT_GROUPS = 4;

/** Upper bound of a subject of events, and of a pattern. */
const MAX_EVENT_SUBJECT = 512;
/** Upper bound of an event's key. */
export const MAX_EVENT_KEY = 256;
/** Upper bound of an event's id. */
export const MAX_EVENT_ID = 400;
/** Upper bound of an event's own lifetime: ten years. */
export const MAX_EVENT_TTL_SECONDS = 315_360_000;

/** The lane of an event: FNV-1a over the key, or the subject where there is none. */
export function eventLane(subject: string, key: string | undefined): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key ?? subject)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % EVENT_LANES;
}

/** The lanes of each consumer of a durable handler. */
export function eventGroups(): number[][] {
  const lanes = Array.from({ length: EVENT_LANES }, (_, lane) => lane);
  return Array.from({ length: EVENT_GROUPS }, (_, group) =>
    lanes.filter((lane) => lane % EVENT_GROUPS === group),
  );
}

/** Whether an event can have this subject. */
export function isEventSubject(subject: string): boolean {
  return subject.length <= MAX_EVENT_SUBJECT && isLiteralSubject(subject);
}

/** A subject of events, wildcards allowed: events have subjects of their own, so that `>` is all of them. */
export function isEventPattern(pattern: string): boolean {
  return pattern.length <= MAX_EVENT_SUBJECT && isSubjectPattern(pattern);
}

export const EventPatternSchema = z
  .string()
  .refine(
    isEventPattern,
    "a subject of events has tokens between dots, and at most 512 characters; * stands for one token, > at the end for all that follow",
  );

/** Whether all subjects of `narrow` are subjects of `wide`. */
export function coversPattern(wide: string, narrow: string): boolean {
  const tokens = narrow.split(".");
  for (const [index, token] of wide.split(".").entries()) {
    const other = tokens[index];
    if (other === undefined) return false;
    if (token === ">") return true;
    if (token === "*" ? other === ">" : token !== other) return false;
  }
  return wide.split(".").length === tokens.length;
}

/** Whether any of these patterns matches a subject. */
export function matchesAny(patterns: readonly string[], subject: string): boolean {
  return patterns.some((pattern) => matchesSubject(pattern, subject));
}

/** A rule about the readers of events at the gateways: `/events/<subject>`. */
const EventReaderSchema = z
  .strictObject({
    subjects: z.union([EventPatternSchema, z.array(EventPatternSchema).nonempty().max(100)]),
    /** Everybody who reaches the gateway. */
    public: z.literal(true).optional(),
    /** The SHA-256 digests of the keys that readers show. */
    keys: z
      .array(
        z
          .string()
          .regex(/^sha256:[0-9a-f]{64}$/, "a key is named by its digest, as `narun events key` tells it"),
      )
      .nonempty()
      .max(100)
      .optional(),
  })
  .refine(({ public: isPublic, keys }) => (isPublic === undefined) !== (keys === undefined), {
    message: "it has either `public: true`, or the `keys` of its readers",
  });
export type EventReader = z.infer<typeof EventReaderSchema>;

/** The key of narun.yaml. Absent: this function opens no event at the gateways. */
export const EventReadersSchema = z.array(EventReaderSchema).max(100);

/** The rule for a reader of a pattern. `keyDigest`: of the key that it shows. */
export function decideEventReader(
  readers: Iterable<EventReader>,
  pattern: string,
  keyDigest: string | undefined,
): "allowed" | "key-missing" | "key-unknown" | "closed" {
  let isKeyed = false;
  for (const { subjects, keys } of readers) {
    const patterns = typeof subjects === "string" ? [subjects] : subjects;
    if (!patterns.some((wide) => coversPattern(wide, pattern))) continue;
    if (keys === undefined) return "allowed";
    if (keyDigest !== undefined && keys.includes(keyDigest)) return "allowed";
    isKeyed = true;
  }
  if (!isKeyed) return "closed";
  return keyDigest === undefined ? "key-missing" : "key-unknown";
}
