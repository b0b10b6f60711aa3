import { z } from "zod";
import { BindingSchema, EnvSchema, refuseDoubleNames } from "./bindings/index.ts";
import { EgressSchema } from "./egress.ts";
import { EventReadersSchema } from "./events.ts";
import { LabelSchema } from "./keys.ts";
import { GrpcServiceSchema, NameSchema } from "./names.ts";
import { PROGRAM_KEYS } from "./program.ts";
import { TRIGGER_KEYS } from "./triggers.ts";
import { MIB } from "./units.ts";
import { WIRES, type Wire } from "./wire/wire.ts";
import { WorkflowSchema } from "./workflow.ts";

/** The HTTP methods that a route may list. */
export const HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** A path of the gateway, and the methods that it takes there. */
export const RouteSchema = z.strictObject({
  /** `/exact`, or `/prefix/*` for everything below it. */
  path: z
    .string()
    .regex(/^\/[^\s?#*]*\*?$/, "a path starts with /, and may end in * as a prefix")
    .refine((path) => !path.endsWith("*") || path.endsWith("/*"), "a prefix ends in /*"),
  /** Default: every method. */
  methods: z.array(z.enum(HTTP_METHODS)).nonempty().optional(),
  /** How requests travel to a program that narun does not answer for. Default: as its metadata says, else header mode. */
  wire: z.enum(WIRES).optional(),
  /** Whether its requests are answered before they run. Default: as the function's `async` says. */
  async: z.boolean().optional(),
});
export type Route = z.infer<typeof RouteSchema>;

/** Upper bound of `scale.min` and `scale.max`. */
export const MAX_INSTANCES = 1_000;

/** How many instances a function has. */
export const ScaleSchema = z
  .strictObject({
    /** Instances that are kept without any requests. */
    min: z.int().min(0).max(MAX_INSTANCES).default(0),
    /** Instances on all nodes together, under load. */
    max: z.int().min(1).max(MAX_INSTANCES).default(20),
    /** Requests that one instance handles at a time. */
    concurrency: z.int().min(1).max(10_000).default(50),
    /** Seconds without a request after which an instance beyond `min` is drained. */
    idleSeconds: z.number().min(0.1).max(86_400).default(60),
  })
  .refine(({ min, max }) => min <= max, { message: "min is over max", path: ["min"] });

export const LimitsSchema = z.strictObject({
  memoryMb: z.int().min(8).max(4_096).default(128),
  /** CPU time of one request, in milliseconds; as much again for every 16 MiB of bodies. */
  cpuMs: z.int().min(1).max(600_000).default(1_000),
  /** How long a start may take until the module's top level is over, awaits included. */
  startMs: z.int().min(1).max(300_000).default(10_000),
  /**
   * How long a request may take from its arrival at the gateway to the answer's head, hold included. For a body that
   * streams the time begins when all of it has come.
   */
  timeoutMs: z.int().min(1).max(3_600_000).default(30_000),
  maxBodyBytes: z
    .int()
    .min(0)
    .default(100 * MIB),
  /** Bytes of one response's body. */
  maxResponseBytes: z
    .int()
    .min(0)
    .default(10 * 1024 * MIB),
  /** How long a request's body may take to come, and a response's body to go; how long a WebSocket may stay open. */
  streamMs: z.int().min(1).max(86_400_000).default(3_600_000),
  /** How long the work of `ctx.waitUntil` may go on after the response. */
  waitUntilMs: z.int().min(0).max(900_000).default(30_000),
  /** Requests that one request may make by `fetch` and to other functions, redirects included. */
  subrequests: z.int().min(0).max(1_000_000).default(1_000),
  /** Timers that an instance may have open. */
  timers: z.int().min(0).max(100_000).default(10_000),
  /**
   * Bytes that an instance may log in a second, on average, and twice that at once. A line counts 256 bytes more than its
   * text.
   */
  logBytesPerSecond: z
    .int()
    .min(1_024)
    .max(8 * MIB)
    .default(MIB),
  /** Bytes of a KV bucket or an object store above which writes of this function are refused. */
  maxStoreBytes: z
    .int()
    .min(0)
    .default(10 * 1024 * MIB),
  maxBundleBytes: z
    .int()
    .min(1)
    .max(100 * MIB)
    .default(10 * MIB),
});

export type Limits = z.infer<typeof LimitsSchema>;

export const MODES = ["isolate", "node", "exec"] as const;
export type Mode = (typeof MODES)[number];

export const HostSchema = z
  .string()
  .max(253)
  .regex(
    /^(?:\*\.)?(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)*[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/,
    "a host is a name in lower case, without a scheme and a port: pub.example, *.pub.example",
  );

const OriginSchema = z
  .string()
  .max(260)
  .regex(
    /^(?:\*|https?:\/\/(?:\*\.)?(?:[a-z\d][a-z\d.-]*|\[[\da-f:]+\])(?::\d{1,5})?)$/,
    "an origin is a scheme and a host in lower case, and nothing behind: https://app.example, https://*.app.example, or * for all",
  );

/** Pages of other origins that may call the function. The gateway answers their preflights. */
const CorsSchema = z
  .strictObject({
    origins: z.array(OriginSchema).nonempty().max(100),
    /** Whether browsers send cookies and client certificates along. */
    credentials: z.boolean().default(false),
    /** How long browsers remember the answer to a preflight. */
    maxAgeSeconds: z.int().min(0).max(86_400).default(600),
  })
  .refine(({ origins, credentials }) => !credentials || !origins.includes("*"), {
    message: "with credentials, name the origins: * would give every page the rights of its reader",
    path: ["origins"],
  });

const FileSchema = z.strictObject({
  name: NameSchema.optional(),
  entry: z.string().min(1).optional(),
  mode: z.enum(MODES).default("isolate"),
  routes: z.array(RouteSchema).optional(),
  /**
   * The public names under which a proxy serves its routes (`narun gateway --caddy`): `pub.example`, `*.pub.example`. Default:
   * none.
   */
  hosts: z.array(HostSchema).nonempty().max(100).optional(),
  /**
   * The gRPC services that it implements. Absent: none. The builder adds the services of `grpc(…)`; a handler that reads and writes
   * frames itself names them here.
   */
  grpc: z.array(GrpcServiceSchema).nonempty().max(100).optional(),
  cors: CorsSchema.optional(),
  env: z.array(EnvSchema).default([]),
  bindings: z.array(BindingSchema).max(100).default([]),
  /** Labels that its code seals for, besides the ones of its bindings and actions. */
  labels: z.array(LabelSchema).max(100).optional(),
  scale: ScaleSchema.prefault({}),
  limits: LimitsSchema.prefault({}),
  /** Addresses that `fetch` may reach besides the public internet: rules as in egress.ts. */
  egress: EgressSchema.default([]),
  /** The readers that events have at the gateways. Default: none. */
  eventReaders: EventReadersSchema.optional(),
  /** `fetch`: whether requests to other servers carry on the trace of their request. Default: they do. */
  traces: z.strictObject({ fetch: z.boolean() }).optional(),
  /** The text of its log lines is sealed for this label. Default: it is in clear. */
  logs: z.strictObject({ seal: LabelSchema }).optional(),
  /** Its default export is `workflow(…)`. `true`: with the default settings. */
  workflow: WorkflowSchema,
  /** Functions of one trust group share a sandbox process on a node. */
  trust: NameSchema.default("default"),
  ...TRIGGER_KEYS,
});

/** Settings of the bundler. They shape the bundle, and are not part of the function's configuration. */
const BuildSchema = z.strictObject({
  /** Conditions in the `exports` of packages, in no order. Default: the builder's, by the mode. */
  conditions: z
    .array(z.string().regex(/^[\w.:-]+$/, "a condition is a name, such as worker or browser"))
    .max(20)
    .optional(),
  /** Fields of a package.json without `exports` that name its entry, in order of preference. Default: the builder's. */
  mainFields: z
    .array(z.string().regex(/^[\w.:-]+$/, "a main field is a key of package.json, such as module or main"))
    .nonempty()
    .max(20)
    .optional(),
  /** Functions and classes keep their `name` where the bundle renames them. */
  keepNames: z.boolean().default(false),
});
export type BuildSettings = z.infer<typeof BuildSchema>;

/** The schema of `narun.yaml`. Every key has a default, but `name` and `entry`, which the builder finds in the folder. */
export const FunctionFileSchema = FileSchema.extend({ build: BuildSchema.prefault({}) })
  .superRefine(refuseDoubleNames)
  .superRefine(refuseTwoWires);
export type FunctionFile = z.infer<typeof FunctionFileSchema>;

/** The schema of `narun.yaml` with `mode: exec`. */
export const ProgramFileSchema = FileSchema.omit({ entry: true })
  .extend({
    ...PROGRAM_KEYS,
    mode: z.literal("exec"),
    command: z.string().min(1),
    /** A command line that makes the program, run by `sh` in the folder. */
    build: z.string().min(1).optional(),
  })
  .superRefine(refuseTakenPlaces)
  .superRefine(refuseDoubleNames)
  .superRefine(refuseTwoWires);
export type ProgramFile = z.infer<typeof ProgramFileSchema>;

/** A function's whole configuration, defaults applied: part of its manifest and of its spec. */
export const FunctionConfigSchema = FileSchema.omit({ name: true, entry: true, routes: true })
  .extend({
    name: NameSchema,
    routes: z.array(RouteSchema),
    /** It runs the workflows of this function that began with its revision. */
    workflowOf: NameSchema.optional(),
    ...PROGRAM_KEYS,
  })
  .superRefine(refuseDoubleNames);
export type FunctionConfig = z.infer<typeof FunctionConfigSchema>;

/** The wire that the routes of a function name; undefined where they name none. */
export function wireOf(config: Pick<FunctionConfig, "routes"> | undefined): Wire | undefined {
  return config?.routes.find(({ wire }) => wire !== undefined)?.wire;
}

/** A mount at the place of the program's own file, or of another mount. */
function refuseTakenPlaces(
  { command, mounts = [] }: { command: string; mounts?: readonly { path: string }[] | undefined },
  context: z.RefinementCtx,
): void {
  const own = command.split("/").at(-1);
  const seen = new Set<string>();
  for (const [at, { path }] of mounts.entries()) {
    const message = seen.has(path) ? "another mount has this path" : "the program's own file is there";
    if (path.split("/")[0] === own || seen.has(path))
      context.addIssue({ code: "custom", message, path: ["mounts", at, "path"] });
    seen.add(path);
  }
}

/** Routes lead to one service, which has one wire. */
function refuseTwoWires(
  { routes = [] }: { routes?: readonly Route[] | undefined },
  context: z.RefinementCtx,
): void {
  const at = routes.findIndex(({ wire }) => wire !== undefined && wire !== wireOf({ routes: [...routes] }));
  if (at === -1) return;
  context.addIssue({
    code: "custom",
    message: "all routes lead to one program, which has one wire",
    path: ["routes", at, "wire"],
  });
}

/** The routes of a function without `routes`: `/<name>` and every path below it. */
export function defaultRoutes(name: string): Route[] {
  return [{ path: `/${name}` }, { path: `/${name}/*` }];
}
