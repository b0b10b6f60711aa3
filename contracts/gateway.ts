import { z } from "zod";

/** The name under which every gateway registers as a NATS Micro service. Its metadata has the base URL as `narun.http`. */
export const GATEWAY_SERVICE = "narun-gateway";

/** The `data` of an endpoint in a gateway's `$SRV.STATS`. */
export const GatewayStatsSchema = z.object({
  /** The last revision of the bucket `app-configs` that is in force at this gateway. */
  specs: z.int().min(0),
  /** The functions whose live revision has no ready instance yet, so that instances of another revision answer. */
  outdated: z.array(z.string()).default([]),
});
export type GatewayStats = z.infer<typeof GatewayStatsSchema>;
