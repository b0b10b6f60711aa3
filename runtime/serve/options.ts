/** The options of a consumer that is not deployed, and their defaults. */
import {
  defaultRoutes,
  type FunctionConfig,
  FunctionConfigSchema,
  type Route,
} from "../../contracts/index.ts";
import type { ServeOptions } from "../../functions/sdk/index.ts";
import type { NatsLogin } from "../../nats/index.ts";

/** A consumer's options with their defaults. */
export interface ResolvedConsumer {
  config: FunctionConfig;
  version: string;
  description: string;
  metadata: Readonly<Record<string, string>>;
}

/** Semver 2.0, without leading zeros. */
const SEMVER =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;
const DEFAULT_VERSION = "0.1.0";
const OPTIONS: ReadonlySet<string> = new Set<keyof ServeOptions>([
  ...(["service", "nats", "version", "description", "metadata", "routes", "concurrency", "limits"] as const),
  ...(["env", "metrics", "traces", "signals", "graceMs", "onError", "onWarning"] as const),
]);

/** `grpcServices`: full names. Error: a TypeError that names each wrong option. */
export function resolveConsumer(
  options: ServeOptions,
  grpcServices: readonly string[] = [],
): ResolvedConsumer {
  const {
    service,
    version = DEFAULT_VERSION,
    description = "",
    metadata = {},
    concurrency,
    limits = {},
    traces,
  } = options;
  const parsed = FunctionConfigSchema.safeParse({
    name: service,
    mode: "node",
    routes: options.routes?.map(routeOf) ?? defaultRoutes(service),
    scale: concurrency === undefined ? {} : { concurrency },
    limits,
    ...(grpcServices.length === 0 ? {} : { grpc: grpcServices }),
  });
  const issues = Object.keys(options).flatMap((key) =>
    OPTIONS.has(key) ? [] : [`there is no option ${key}`],
  );
  if (!SEMVER.test(version)) issues.push(`version is ${JSON.stringify(version)}, and has the form 1.2.3`);
  if (traces !== undefined && !/^https?:$/.test(URL.parse(traces.url)?.protocol ?? ""))
    issues.push("traces.url is no address of HTTP, such as http://127.0.0.1:4318");
  const own = Object.keys(metadata).find((key) => key.startsWith("narun."));
  if (own !== undefined) issues.push(`metadata: ${own} is narun's own`);
  for (const { path, message } of parsed.error?.issues ?? []) issues.push(`${nameOf(path)}: ${message}`);
  if (!parsed.success || issues.length > 0) throw new TypeError(`serve: ${issues.join("; ")}`);
  const grpc = grpcServices.length === 0 ? {} : { grpc: grpcServices.join(",") };
  return { config: parsed.data, version, description, metadata: { ...metadata, ...grpc } };
}

function routeOf(route: NonNullable<ServeOptions["routes"]>[number]): unknown {
  return (typeof route === "string" ? { path: route } : route) satisfies string | object | Route;
}

/** The option of a key of the configuration. */
function nameOf(path: readonly PropertyKey[]): string {
  if (path[0] === "name") return "service";
  return (path[0] === "scale" ? path.slice(1) : path).map(String).join(".");
}

/** The address and the login. */
export function resolveAccess(
  nats: ServeOptions["nats"],
  fallbackUrl: string | undefined,
): { url?: string; login: NatsLogin } {
  const { url = fallbackUrl, ...login } = typeof nats === "string" ? { url: nats } : (nats ?? {});
  return { ...(url === undefined ? {} : { url }), login };
}
