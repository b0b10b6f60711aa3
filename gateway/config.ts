import { readFile } from "node:fs/promises";
import { z } from "zod";
import {
  formatYamlIssues,
  messageOf,
  NameSchema,
  NarunError,
  parseNetwork,
  parseYaml,
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
  })
  .refine(({ path, grpc }) => (path === undefined) !== (grpc === undefined), {
    message: "a route has either `path` or `grpc`",
  });

/** Upper bounds of a config.yaml: some ten thousand routes. */
const CONFIG_BOUNDS = { ...YAML_BOUNDS, maxBytes: 4 * 1024 * 1024, maxTokens: 400_000 };

const CompatConfigSchema = z.strictObject({
  nats_url: z.string().optional(),
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
  routes: z.array(CompatRouteSchema).default([]),
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
