import { z } from "zod";
import { MODES } from "./function-config.ts";

const InstanceSummarySchema = z.looseObject({ id: z.string(), function: z.string(), revision: z.string() });

/** What a node-runner writes into `node-runner-states` every 15 s and when it changes (compatible, ours adds labels and capacity). */
export const NodeStateSchema = z.looseObject({
  node_id: z.string(),
  /** ISO 8601. */
  last_seen: z.string(),
  version: z.string(),
  start_time: z.string(),
  managed_instances: z.array(z.union([z.string(), InstanceSummarySchema])),
  status: z.enum(["running", "shutting_down"]),
  /** Go's name: `linux`, `darwin`. Early runners of the original toolkit write neither this nor `arch`. */
  os: z.string().optional(),
  /** Go's name: `amd64`, `arm64`. */
  arch: z.string().optional(),
  /** Of the runner that has the name: the heartbeat's. It answers on `narun.claim.<node>.<epoch>` as long as it lives. */
  epoch: z.string().optional(),
  /** Where that runner is, for people. */
  host: z.string().optional(),
  pid: z.int().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  /** Functions that this node could not start, until they start or change. */
  problems: z.array(z.object({ function: z.string(), revision: z.string(), error: z.string() })).default([]),
  capacity: z.looseObject({ maxInstances: z.int(), modes: z.array(z.enum(MODES)) }).optional(),
});
export type NodeState = z.infer<typeof NodeStateSchema>;

/** The fast heartbeat of a node, on `narun.node.<node>` once a second. */
export const HeartbeatSchema = z.object({
  node: z.string(),
  state: z.enum(["running", "shutting_down"]),
  /** Changes whenever the runner starts anew: the hosts of another epoch drain, and end. */
  epoch: z.string(),
  modes: z.array(z.enum(MODES)),
  freeInstances: z.int(),
  labels: z.record(z.string(), z.string()),
});
export type Heartbeat = z.infer<typeof HeartbeatSchema>;

/** The hosts of a node-runner that has died. */
export const orphans = {
  /** How long they may finish what they took. */
  graceMs: 10_000,
  /** How long others wait for their answers at most, from the moment in which they know of the runner's death. */
  lostAfterMs: 12_000,
} as const;

export const heartbeat = {
  intervalMs: 1_000,
  /** A node-runner that is silent for so long is dead. */
  lostAfterMs: 3_500,
} as const;
