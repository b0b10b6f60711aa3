import { readFile } from "node:fs/promises";
import { z } from "zod";
import {
  formatYamlIssues,
  messageOf,
  NameSchema,
  NarunError,
  parseNetwork,
  parseYaml,
  WIRES,
  type Wire,
  YAML_BOUNDS,
} from "../contracts/index.ts";

const CompatRouteSchema = z
  .strictObject({
    /** A path that ends in `/` stands for every path below it, another one for itself. */
    path: z.string().startsWith("/", "a path starts with /").optional(),
    /** Default: every method. */
    methods: z.array(z.string().transform((method) => method.toUpperCase())).default([]),
    /** A gRPC service, `package.Service`, in place of a path. */
    grpc: z.string().min(1).optional(),
    service: NameSchema,
    /** How requests travel to the service. Default: as its metadata says, else in header mode. */
    wire: z.enum(WIRES).optional(),
  })
  .refine(({ path, grpc }) => (path === undefined) !== (grpc === undefined), {
    message: "a route has either `path` or `grpc`",
  })
  .refine(({ grpc, wire }) => grpc === undefined || wire === undefined, {
    message: "`wire` is for routes of HTTP: a `grpc` route has none",
    path: ["wire"],
  });
type CompatRoute = z.infer<typeof CompatRouteSchema>;

/** A service has one wire, which one of its routes may name. */
function refuseTwoWires(routes: readonly CompatRoute[], context: z.RefinementCtx): void {
  const wires = wiresOf(routes);
  for (const [at, { service, wire }] of routes.entries()) {
    if (wire === undefined || wire === wires.get(service)) continue;
    const message = `another route says that ${service} takes ${wires.get(service)}`;
    context.addIssue({ code: "custom", message, path: [at, "wire"] });
  }
}

/** The wires that routes name, by service. */
export function wiresOf(routes: readonly CompatRoute[]): Map<string, Wire> {
  const wires = new Map<string, Wire>();
  for (const { service, wire } of routes)
    if (wire !== undefined && !wires.has(service)) wires.set(service, wire);
  return wires;
}

/** Upper bounds of a config.yaml: some ten thousand routes. */
const CONFIG_BOUNDS = { ...YAML_BOUNDS, maxBytes: 4 * 1024 * 1024, maxTokens: 400_000 };

const CompatConfigSchema = z.strictObject({
  nats_url: z.string().optional(),
  /** A file with the seed of an nkey, by which the gateway logs in to NATS. */
  nkey_seed_file: z.string().min(1).optional(),
  server_addr: z.string().optional(),
  grpc_addr: z.string().optional(),
  metrics_addr: z.string().optional(),
  request_timeout_seconds: z.number().positive().max(3_600).optional(),
  /** Not in the original: see `trustedProxies` of the gateway. */
  trusted_proxies: z
    .array(
      z
        .string()
        .refine((text) => parseNetwork(text) !== undefined, "an address or a network: 10.0.0.0/8, ::1"),
    )
    .optional(),
  routes: z.array(CompatRouteSchema).superRefine(refuseTwoWires).default([]),
});

/** The gateway's `config.yaml` of the original toolkit: addresses, and static routes to services by name. */
export type CompatConfig = z.infer<typeof CompatConfigSchema>;

/**
 * Reads a gateway's `config.yaml`. Error: GATEWAY_CONFIG_INVALID, with every wrong line, a misspelt key with the nearest known
 * one, or the reason why the file cannot be read.
 */
export async function readGatewayConfig(path: string): Promise<CompatConfig> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new NarunError("GATEWAY_CONFIG_INVALID", { detail: messageOf(error), path }, { cause: error });
  });
  const parsed = parseYaml(text, CompatConfigSchema, CONFIG_BOUNDS);
  if (parsed.ok) return parsed.value;
  throw new NarunError("GATEWAY_CONFIG_INVALID", {
    detail: `${path}\n${formatYamlIssues(parsed.issues)}`,
    path,
    issues: parsed.issues,
  });
}
