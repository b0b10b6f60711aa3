/**
 * Triggers: work that begins without a request of HTTP. The keys of narun.yaml that name them, the events that they bring to a
 * function, and the ends of the events.
 */
import { z } from "zod";
import { AsyncSchema } from "./async.ts";
import { SubjectPatternSchema } from "./bindings/subjects.ts";
import { ConsumeSchema, refuseDoubleStreams } from "./consume.ts";
import { NameSchema } from "./names.ts";

/** The kinds of a trigger, by the handler that takes them. `Narun-Trigger` names one. */
export const TRIGGER_KINDS = ["scheduled", "queue", "message", "workflow"] as const;
export type TriggerKind = (typeof TRIGGER_KINDS)[number];

export function isTriggerKind(text: unknown): text is TriggerKind {
  return (TRIGGER_KINDS as readonly unknown[]).includes(text);
}

const MAX_TRIGGERS = 100;
const HOUR_MS = 3_600_000;
const MAX_INPUT_BYTES = 64 * 1024;

/** When a function is called by the clock. */
export const ScheduleSchema = z.strictObject({
  /** Unique in the function. Its runs, and whether it is paused, are kept under it. Default: its place in the list, from 1. */
  name: NameSchema.optional(),
  /** Five or six fields, or `@every 5m`, `@hourly`. `ticks/` reads it. */
  cron: z.string().min(1).max(255),
  /** The IANA name of the time zone of the fields. Default: UTC. */
  zone: z.string().min(1).max(64).optional(),
  /** How missed ticks are made up for: not at all, by one run for the last, by a run for each. */
  missed: z.enum(["skip", "last", "all"]).default("skip"),
  /** How a tick is treated while the run before it goes on. */
  overlap: z.enum(["allow", "skip", "queue"]).default("skip"),
  /** How long a run may take. Default, and upper bound: `limits.timeoutMs`. */
  timeoutMs: z.int().min(1).max(HOUR_MS).optional(),
  /** How often a run that failed is tried again. */
  retries: z.int().min(0).max(100).default(0),
  /** The event's `input`. */
  input: z
    .json()
    .refine((value) => JSON.stringify(value).length <= MAX_INPUT_BYTES, "an input has at most 64 KiB of JSON")
    .optional(),
});
export type Schedule = z.infer<typeof ScheduleSchema>;

/** A schedule's name in its function: its own, or its place in the list. */
export function scheduleName({ name }: Pick<Schedule, "name">, index: number): string {
  return name ?? String(index + 1);
}

function refuseNamesakes(list: readonly Schedule[], context: z.RefinementCtx): void {
  const names = list.map(scheduleName);
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first === index) continue;
    const path = list[index]?.name === undefined ? [index] : [index, "name"];
    context.addIssue({ code: "custom", path, message: `schedule[${first}] has the name ${name} already` });
  }
}

/**
 * The messages of NATS that a function is called with, each as it comes. A program (`mode: exec`) hears them by itself while it
 * runs.
 */
const SubscribeSchema = z.strictObject({
  subject: SubjectPatternSchema,
  /** The queue group: each message goes to one subscriber of a group. Default: the function's name. */
  queue: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^\s.*>]+$/, "a queue group is one word")
    .optional(),
});

/** The keys of narun.yaml for triggers. Absent: none. One trigger needs no list, and its first key alone no map. */
export const TRIGGER_KEYS = {
  schedule: listOf(ScheduleSchema, "cron", refuseNamesakes),
  subscribe: listOf(SubscribeSchema, "subject"),
  consume: listOf(ConsumeSchema, "stream", refuseDoubleStreams),
  async: AsyncSchema.optional(),
};

function listOf<Item extends z.ZodType>(
  item: Item,
  key: string,
  check: (list: z.output<Item>[], context: z.RefinementCtx) => void = () => undefined,
) {
  const list = z.array(item).max(MAX_TRIGGERS).superRefine(check);
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
