import { z } from "zod";
import { MODES } from "./function-config.ts";

const InstanceSummarySchema = z.looseObject({
  id: z.string(),
  function: z.string(),
  revision: z.string(),
  /** It is not ready yet: its module is evaluated, or its `onStart` runs. */
  isStarting: z.boolean().optional(),
});
type InstanceSummary = z.infer<typeof InstanceSummarySchema>;

/**
 * The state of a node-runner in `node-runner-states`, written every 15 s and at each change (compatible; labels and capacity
 * are narun's own).
 */
export const NodeStateSchema = z.looseObject({
  node_id: z.string(),
  /** ISO 8601. */
  last_seen: z.string(),
  version: z.string(),
  start_time: z.string(),
  /**
   * `<app>-<index>`: the app is everything before the last `-`. Earlier versions of narun
   * wrote objects, which the original toolkit's tools cannot read.
   */
  managed_instances: z
    .array(z.union([z.string(), InstanceSummarySchema]))
    .nullish()
    .transform((instances) => instances ?? []),
  /** The instances of a runner of narun, with its own facts. */
  instances: z.array(InstanceSummarySchema).optional(),
  status: z.enum(["running", "shutting_down"]),
  /** Go's name: `linux`, `darwin`. Early runners of the original toolkit write neither this nor `arch`. */
  os: z
    .string()
    .nullish()
    .transform((os) => os || undefined)
    .optional(),
  /** Go's name: `amd64`, `arm64`. */
  arch: z
    .string()
    .nullish()
    .transform((arch) => arch || undefined)
    .optional(),
  /** The epoch of the runner, as in its heartbeat. The runner answers on `narun.claim.<node>.<epoch>` while it lives. */
  epoch: z.string().optional(),
  /** The machine of that runner, for people. */
  host: z.string().optional(),
  pid: z.int().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  /** Functions that this node could not start, until they start or change. */
  problems: z.array(z.object({ function: z.string(), revision: z.string(), error: z.string() })).default([]),
  capacity: z.looseObject({ maxInstances: z.int(), modes: z.array(z.enum(MODES)) }).optional(),
});
export type NodeState = z.infer<typeof NodeStateSchema>;

/** The instances of a node, of narun's runner or of another one. A runner of the original toolkit does not tell their revisions. */
export function instancesOf(
  state: NodeState,
): (Pick<InstanceSummary, "id" | "function"> & { revision?: string })[] {
  if (state.instances !== undefined) return state.instances;
  return state.managed_instances.map((instance) =>
    typeof instance === "string" ? { id: instance, function: appOfInstance(instance) } : instance,
  );
}

/** The app of an instance's name: everything before the last `-`. */
function appOfInstance(name: string): string {
  const end = name.lastIndexOf("-");
  return end === -1 ? name : name.slice(0, end);
}

/** The fast heartbeat of a node, on `narun.node.<node>` once a second. */
export const HeartbeatSchema = z.object({
  node: z.string(),
  state: z.enum(["running", "shutting_down"]),
  /** Changes at each start of the runner. Hosts of another epoch drain and end. */
  epoch: z.string(),
  modes: z.array(z.enum(MODES)),
  freeInstances: z.int(),
  labels: z.record(z.string(), z.string()),
});
export type Heartbeat = z.infer<typeof HeartbeatSchema>;

/** The hosts of a node-runner that has died. */
export const orphans = {
  /** How long they may finish their requests. */
  graceMs: 10_000,
  /** Upper bound of the time that gateways wait for their answers after they noticed the runner's death. */
  lostAfterMs: 12_000,
} as const;

export const heartbeat = {
  intervalMs: 1_000,
  /** How long a node-runner may be silent. Then it counts as dead. */
  lostAfterMs: 3_500,
} as const;
