import { setTimeout as sleep } from "node:timers/promises";
import { GATEWAY_SERVICE, GatewayStatsSchema } from "../contracts/index.ts";
import { type DiscoveredStats, discoverStats, type Nats } from "../nats/index.ts";

/** Longer than a gateway that runs needs for a change; one that hangs must not hold up a push. */
const MAX_WAIT_MS = 1_000;
const POLL_MS = 10;

/**
 * Resolves when every gateway has taken in what was written to the specs up to a revision of their bucket, so that the
 * next request finds it; after a second it gives up silently, as the gateways follow by themselves. `signal` ends the wait, too.
 */
export async function waitForGateways(nats: Nats, revision: number, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS;
  while (signal?.aborted !== true && performance.now() < deadline) {
    const asked = discoverStats(nats, { name: GATEWAY_SERVICE, maxWaitMs: 250, quietMs: 20 });
    // NATS that is away by now undoes nothing of what was written.
    const gateways = await asked.catch(() => []);
    if (gateways.every((gateway) => hasTakenIn(gateway, revision))) return;
    await sleep(POLL_MS);
  }
}

function hasTakenIn({ endpoints }: DiscoveredStats, revision: number): boolean {
  const stats = GatewayStatsSchema.safeParse(endpoints?.[0]?.data);
  // A gateway of another version does not tell.
  return !stats.success || stats.data.specs >= revision;
}
