import { z } from "zod";

/** The name under which every gateway registers as a NATS Micro service; its metadata carries `narun.http`, its base URL. */
export const GATEWAY_SERVICE = "narun-gateway";

/** What an endpoint's `data` in a gateway's `$SRV.STATS` says of it. */
export const GatewayStatsSchema = z.object({
  /** The last revision of the bucket `app-configs` that it has taken in: what was written up to there is in force. */
  specs: z.int().min(0),
  /** The functions that instances of another than the live revision still answer for, as none of it is ready yet. */
  outdated: z.array(z.string()).default([]),
});
export type GatewayStats = z.infer<typeof GatewayStatsSchema>;
