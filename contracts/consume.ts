import { z } from "zod";
import { SubjectPatternSchema } from "./bindings/subjects.ts";

const StreamNameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\s.*>/\\]+$/, "a stream's name is one word without dots");

const BatchSchema = z.strictObject({
  /** Upper bound of the messages of one call. */
  size: z.int().min(1).max(1_000).default(10),
  /** How long a batch waits until it is full. */
  waitMs: z.int().min(0).max(60_000).default(1_000),
});

const HOUR_MS = 3_600_000;
const WaitSchema = z
  .int()
  .min(0)
  .max(24 * HOUR_MS);

/** The stream whose messages a function is called with, in batches. */
export const ConsumeSchema = z.strictObject({
  stream: StreamNameSchema,
  /** Subjects of the stream. Default: all. */
  filter: z.union([SubjectPatternSchema, z.array(SubjectPatternSchema).nonempty().max(100)]).optional(),
  /** A number is its size. */
  batch: z
    .preprocess((value) => (typeof value === "number" ? { size: value } : value), BatchSchema)
    .prefault({}),
  /** Upper bound of the calls at a time that each node makes. Default: `scale.max`. */
  concurrency: z.int().min(1).max(1_000).optional(),
  /** How often a message is delivered before it goes to the dead letters. */
  maxDeliver: z.int().min(1).max(1_000).default(5),
  /** How long a message waits before it is delivered again: from `minMs`, twice as long each time, to `maxMs`. */
  backoff: z
    .strictObject({ minMs: WaitSchema.default(1_000), maxMs: WaitSchema.default(60_000) })
    .refine(({ minMs, maxMs }) => minMs <= maxMs, { message: "minMs is over maxMs", path: ["minMs"] })
    .prefault({}),
  /** After how long without a sign of its node a message is delivered again. A node gives a sign three times as often. */
  ackWaitMs: z.int().min(1_000).max(HOUR_MS).default(30_000),
  /** One message at a time for each filter, so that its messages end in their order. */
  ordered: z.boolean().default(false),
  /** The place where the function begins in a new stream: its first message, or the next message that comes. */
  from: z.enum(["first", "new"]).default("first"),
});
export type Consume = z.infer<typeof ConsumeSchema>;

/** Each stream has one consumer for a function. */
export function refuseDoubleStreams(
  consume: readonly Pick<Consume, "stream">[],
  context: z.RefinementCtx,
): void {
  const streams = consume.map(({ stream }) => stream);
  const at = streams.findIndex((stream, index) => streams.indexOf(stream) < index);
  if (at === -1) return;
  const message = `${streams[at]} is named twice: a stream's subjects are a list in \`filter\``;
  context.addIssue({ code: "custom", message, path: [at, "stream"] });
}
