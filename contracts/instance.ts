import { z } from "zod";
import { type Route, RouteSchema } from "./function-config.ts";
import { NameSchema } from "./names.ts";
import { parseJson } from "./parse-json.ts";
import { SocketAddressSchema } from "./wire/socket-address.ts";

const GONE_REASONS = ["idle", "replaced", "removed", "shutdown", "failed", "crashed"] as const;
/**
 * `failed`: it never became ready, by the function itself. `shutdown`: its host or node stops, or could not read the function.
 * `crashed`: it was ready, and hit a limit (the code says which) or lost its host.
 */
export type GoneReason = (typeof GONE_REASONS)[number];

const Common = {
  function: NameSchema,
  instance: z.string(),
  node: z.string(),
  revision: z.string(),
  /** Epoch milliseconds. */
  at: z.number(),
};

/** Upper bound of the routes that a consumer brings. */
const MAX_CONSUMER_ROUTES = 1_200;
const ConsumerRoutesSchema = z.array(RouteSchema).max(MAX_CONSUMER_ROUTES);

/** The routes in a consumer's metadata; undefined where it has none that can be read. */
export function parseConsumerRoutes(text: string | undefined): Route[] | undefined {
  return text === undefined ? undefined : parseJson(text, ConsumerRoutesSchema);
}

/**
 * The announcements of an instance on `narun.instance.<service>.<instance>`, in this order: `starting`, `ready` (its
 * subscriptions are live), `draining` (it takes no new requests), `gone`.
 */
export const AnnouncementSchema = z.discriminatedUnion("state", [
  z.object({ ...Common, state: z.literal("starting") }),
  z.object({
    ...Common,
    state: z.literal("ready"),
    /** Requests that it handles at a time. */
    concurrency: z.int().min(1),
    /** Its address on its own machine. Undefined: it has none that this version understands. */
    socket: SocketAddressSchema.optional().catch(undefined),
    /** It is a program with a plain client of NATS: a request and its answer are one message each. */
    isProgram: z.boolean().optional(),
    /** The routes of a consumer that is not deployed. A function's routes are in its spec. */
    routes: ConsumerRoutesSchema.optional().catch(undefined),
    /** How long the start took, in milliseconds, by phase. */
    phases: z.record(z.string(), z.number()).default({}),
    /**
     * It has been ready, and so many places are free: gateways wait for them, as it has refused their requests. Undefined: it has
     * just become ready.
     */
    room: z.int().min(0).optional(),
    /**
     * It has been ready, and has so many requests that wait for an answer, of all gateways, functions and clients: more than it
     * should have. Undefined: it has just become ready, or tells of room.
     */
    load: z.int().min(0).optional(),
  }),
  z.object({ ...Common, state: z.literal("draining") }),
  z.object({
    ...Common,
    state: z.literal("gone"),
    reason: z.enum(GONE_REASONS),
    /** For a failed start and `crashed`: a code of the error catalogue. */
    code: z.string().optional(),
  }),
]);
export type Announcement = z.infer<typeof AnnouncementSchema>;
export type ReadyAnnouncement = Extract<Announcement, { state: "ready" }>;

/** Metadata of an instance's NATS Micro service. A gateway that joins later reads it by `$SRV.PING`. */
export const InstanceMetadataSchema = z.object({
  "narun.function": NameSchema,
  "narun.instance": z.string(),
  "narun.node": z.string(),
  "narun.revision": z.string(),
  "narun.mode": z.string(),
  "narun.concurrency": z.coerce.number().int().min(1),
  /** The limits of a program that are in force, and how: texts between `; `. */
  "narun.limits": z.string().optional(),
  /** See `formatSocketAddress`. */
  "narun.socket": z.string().optional(),
  /** The gRPC services that it implements: full names, separated by commas. A service that narun did not start may have it, too. */
  grpc: z.string().optional(),
  /** The routes of a consumer that is not deployed, as JSON. */
  "narun.routes": z.string().optional(),
});
export type InstanceMetadata = z.input<typeof InstanceMetadataSchema>;

/** The `data` of an endpoint in an instance's `$SRV.STATS`. */
export const InstanceStatsSchema = z.object({
  state: z.enum(["ready", "draining"]),
  inFlight: z.int().min(0),
});
export type InstanceStats = z.infer<typeof InstanceStatsSchema>;

/** A status event on `status.<app>.<node>` (compatible). */
export const StatusEventSchema = z.looseObject({
  instance_id: z.string(),
  node_id: z.string(),
  status: z.enum(["starting", "running", "stopping", "stopped", "failed", "crashed"]),
  /** While it runs or stops. */
  pid: z.int().optional(),
  /** -1: a signal ended it. */
  exit_code: z.int().optional(),
  /** Text for people: a reason, or the number of a restart. */
  error: z.string().optional(),
  /** ISO 8601. */
  time: z.string(),
  /** The id of its world. Other worlds hear the same subject. */
  world: z.string().optional(),
});
export type StatusEvent = z.infer<typeof StatusEventSchema>;
