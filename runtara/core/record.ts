/** The record of an instance. It is written by the sequence that its writer read. */
import { z } from "zod";

export const STATUSES = ["pending", "running", "suspended", "completed", "failed", "cancelled"] as const;
export type Status = (typeof STATUSES)[number];

export const SIGNAL_TYPES = ["cancel", "pause", "resume"] as const;
export type SignalType = (typeof SIGNAL_TYPES)[number];

const SignalSchema = z.object({
  type: z.enum(SIGNAL_TYPES),
  /** Base64. */
  payload: z.string().optional(),
  /** The program has been shown it: an acknowledgement may mean it. */
  isShown: z.boolean(),
});

export const InstanceSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  status: z.enum(STATUSES),
  /** Absent: its program registered by itself, and narun cannot start it. */
  image: z.object({ id: z.string(), name: z.string() }).optional(),
  env: z.record(z.string(), z.string()).optional(),
  /** How long its program may run, sleeps outside of its process not counted. */
  timeoutSeconds: z.number().optional(),
  /** SHA-256 of its input, hex. Absent: it has none. */
  input: z.string().optional(),
  /** Grows with each order to run: a start, a wake, a resume. */
  generation: z.int(),
  /** Grows with each start of its program. A former run may not write any more. */
  run: z.int(),
  createdAtMs: z.number(),
  startedAtMs: z.number().optional(),
  finishedAtMs: z.number().optional(),
  heartbeatAtMs: z.number().optional(),
  /** The mark of the claim that began the present run: a claim whose answer was lost knows its own. */
  claim: z.string().optional(),
  /** The present run. */
  node: z.string().optional(),
  runSinceMs: z.number().optional(),
  hasRegistered: z.boolean().optional(),
  signal: SignalSchema.optional(),
  /** It sleeps outside of a process until then. */
  wakeAtMs: z.number().optional(),
  /** The checkpoint of the sleep that it is woken from. */
  wakeCheckpoint: z.string().optional(),
  /** An order to end it. */
  stop: z.object({ deadlineMs: z.number(), reason: z.string() }).optional(),
  /** The run whose output counts. */
  outputRun: z.int().optional(),
  error: z.string().optional(),
  reason: z.string().optional(),
  exitCode: z.int().optional(),
  stderr: z.string().optional(),
  /** Crashes in a row without a new checkpoint. */
  attempts: z.int(),
  /** The sequence of its last checkpoint or sleep at its last crash. */
  progress: z.int(),
  /** How long its former runs took. */
  ranMs: z.number(),
  /** Attempts of durable functions that its program told. */
  retries: z.int(),
});
export type Instance = z.infer<typeof InstanceSchema>;

export const isFinal = ({ status }: Pick<Instance, "status">) =>
  status === "completed" || status === "failed" || status === "cancelled";

/** A sleep: its end is fixed when it begins. */
export const SleepSchema = z.object({
  wakeAtMs: z.number(),
  /** The run that has been told of its end. */
  toldRun: z.int().optional(),
});
export type Sleep = z.infer<typeof SleepSchema>;

export const RUNNER_TYPES = ["oci", "native", "wasm"] as const;

/** An image: a revision of a function, under the name that a tenant gave it. */
export const ImageSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  name: z.string(),
  description: z.string().optional(),
  runnerType: z.enum(RUNNER_TYPES),
  createdAtMs: z.number(),
  /** The name of its function, and the revision. */
  function: z.string(),
  revision: z.string(),
  sizeBytes: z.int(),
});
export type Image = z.infer<typeof ImageSchema>;
