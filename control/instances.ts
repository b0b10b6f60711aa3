import {
  InstanceMetadataSchema,
  InstanceStatsSchema,
  parseConsumerRoutes,
  type Route,
} from "../contracts/index.ts";
import { type DiscoveredStats, discoverStats, type Nats } from "../nats/index.ts";

/** A running instance, from its answer to `$SRV.STATS`. */
export interface RunningInstance {
  function: string;
  instance: string;
  node: string;
  revision: string;
  mode: string;
  state: "ready" | "draining";
  inFlight: number;
  /** Requests since the start. */
  requests: number;
  /** ISO 8601. */
  startedAt: string;
  /** The limits of a program that are in force, and how. */
  limits?: string[];
}

/** Asks every instance for its statistics. Consumers that narun did not start are left out. */
export async function findRunningInstances(nats: Nats): Promise<RunningInstance[]> {
  return readInstances(await discoverStats(nats));
}

/** The routes of the consumers that are not deployed, by their services. */
export function readConsumers(services: readonly DiscoveredStats[]): Map<string, readonly Route[]> {
  return new Map(
    services.flatMap(({ name, metadata }) => {
      const routes = parseConsumerRoutes(metadata?.["narun.routes"]);
      return routes === undefined ? [] : [[name, routes] as const];
    }),
  );
}

export function readInstances(services: readonly DiscoveredStats[]): RunningInstance[] {
  return services
    .flatMap(({ metadata, started, endpoints }): RunningInstance[] => {
      const parsed = InstanceMetadataSchema.safeParse(metadata);
      if (!parsed.success) return [];
      const limits = parsed.data["narun.limits"];
      const stats = InstanceStatsSchema.safeParse(endpoints?.[0]?.data);
      return [
        {
          function: parsed.data["narun.function"],
          instance: parsed.data["narun.instance"],
          node: parsed.data["narun.node"],
          revision: parsed.data["narun.revision"],
          mode: parsed.data["narun.mode"],
          state: stats.success ? stats.data.state : "ready",
          inFlight: stats.success ? stats.data.inFlight : 0,
          requests: (endpoints ?? []).reduce((sum, { num_requests }) => sum + num_requests, 0),
          startedAt: started,
          ...(limits === undefined ? {} : { limits: limits.split("; ") }),
        },
      ];
    })
    .sort(byFunction);
}

/** The order of lists of instances. */
export function byFunction(a: RunningInstance, b: RunningInstance): number {
  return a.function.localeCompare(b.function) || a.startedAt.localeCompare(b.startedAt);
}
