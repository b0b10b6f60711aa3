/**
 * Triggers: work that begins without a request of HTTP. The keys of narun.yaml that name them, the events that they bring to a
 * function, and what becomes of the events.
 */
import { z } from "zod";
import { SubjectPatternSchema } from "./bindings/subjects.ts";

/** The kinds of a trigger, by the handler that takes them. `Narun-Trigger` names one. */
export const TRIGGER_KINDS = ["scheduled", "queue", "message", "workflow"] as const;
export type TriggerKind = (typeof TRIGGER_KINDS)[number];

export function isTriggerKind(text: unknown): text is TriggerKind {
  return (TRIGGER_KINDS as readonly unknown[]).includes(text);
}

const MAX_TRIGGERS = 100;
const HOUR_MS = 3_600_000;

/** When a function is called by the clock. */
export const ScheduleSchema = z.strictObject({
  /** Five or six fields, or `@every 5m`, `@hourly`. */
  cron: z.string().min(1).max(255),
  /** The IANA name of the time zone of the fields. Default: UTC. */
  zone: z.string().min(1).max(64).optional(),
  /** What to do about the ticks that no node saw: nothing, run once for the last, run once for each. */
  missed: z.enum(["skip", "last", "all"]).default("skip"),
  /** What a tick does while the run before it goes on. */
  overlap: z.enum(["allow", "skip", "queue"]).default("skip"),
});
export type Schedule = z.infer<typeof ScheduleSchema>;

/**
 * The messages of NATS that a function is called with, each as it comes. A program (`mode: exec`) hears them by itself while it
 * runs.
 */
export const SubscribeSchema = z.strictObject({
  subject: SubjectPatternSchema,
  /** The queue group: each message goes to one subscriber of a group. Default: the function's name. */
  queue: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^\s.*>]+$/, "a queue group is one word")
    .optional(),
});
export type Subscribe = z.infer<typeof SubscribeSchema>;

const StreamNameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\s.*>/\\]+$/, "a stream's name is one word without dots");

/** The stream whose messages a function is called with, in batches. */
export const ConsumeSchema = z.strictObject({
  stream: StreamNameSchema,
  /** Subjects of the stream. Default: all. */
  filter: z.union([SubjectPatternSchema, z.array(SubjectPatternSchema).nonempty().max(100)]).optional(),
  /** Upper bound of the messages of one call. */
  batch: z.int().min(1).max(1_000).default(10),
  /** How long a batch waits until it is full. */
  waitMs: z.int().min(0).max(60_000).default(1_000),
  /** Upper bound of the calls at a time, on all nodes together. */
  concurrency: z.int().min(1).max(1_000).default(1),
  /** How often a message is delivered before it goes to the dead letters. */
  maxDeliver: z.int().min(1).max(1_000).default(5),
  /** How long a message waits before it is delivered again: from `minMs`, twice as long each time, to `maxMs`. */
  backoff: z
    .strictObject({
      minMs: z
        .int()
        .min(0)
        .max(24 * HOUR_MS)
        .default(1_000),
      maxMs: z
        .int()
        .min(0)
        .max(24 * HOUR_MS)
        .default(60_000),
    })
    .refine(({ minMs, maxMs }) => minMs <= maxMs, { message: "minMs is over maxMs", path: ["minMs"] })
    .prefault({}),
});
export type Consume = z.infer<typeof ConsumeSchema>;

/** Requests that are answered before they run. `true`: every request; else those that prefer it (RFC 7240). */
export const AsyncSchema = z.boolean();

/** The keys of narun.yaml for triggers. Absent: none. One trigger needs no list, and its first key alone no map. */
export const TRIGGER_KEYS = {
  schedule: listOf(ScheduleSchema, "cron"),
  subscribe: listOf(SubscribeSchema, "subject"),
  consume: listOf(ConsumeSchema, "stream"),
  async: AsyncSchema.optional(),
};

function listOf<Item extends z.ZodType>(item: Item, key: string) {
  const list = z.array(item).max(MAX_TRIGGERS);
  return z
    .preprocess((value) => {
      if (value === undefined) return undefined;
      const items: unknown[] = Array.isArray(value) ? value : [value];
      return items.map((one) => (typeof one === "string" ? { [key]: one } : one));
    }, list)
    .optional();
}

type TriggerKeys = { [Key in keyof typeof TRIGGER_KEYS]?: z.output<(typeof TRIGGER_KEYS)[Key]> } & {
  workflow?: object | undefined;
};

/** The handlers that a function needs for its triggers. */
export function triggersOf({ schedule, subscribe, consume, workflow }: TriggerKeys): TriggerKind[] {
  const kinds: TriggerKind[] = [];
  if (hasSome(schedule)) kinds.push("scheduled");
  if (hasSome(consume)) kinds.push("queue");
  if (hasSome(subscribe)) kinds.push("message");
  if (workflow !== undefined) kinds.push("workflow");
  return kinds;
}

function hasSome(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}
