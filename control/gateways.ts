import { setTimeout as sleep } from "node:timers/promises";
import { GATEWAY_SERVICE, type GatewayStats, GatewayStatsSchema, type Manifest } from "../contracts/index.ts";
import { type DiscoveredStats, discoverStats, type Nats } from "../nats/index.ts";

/** What has been made live. */
export interface Written {
  name: string;
  /** The revision of the specs' bucket that says so. */
  revision: number;
  /** How long an instance of it may take to start. */
  startMs: number;
}

export interface WaitOptions {
  /** Ends the wait. */
  signal?: AbortSignal | undefined;
  /** Called once, where the revision before still answers. */
  onReplacing?: (() => void) | undefined;
  /** Only looks. */
  isPatient?: boolean;
}

/** Longer than a gateway that runs needs for a change; one that hangs must not hold up a push. */
const MAX_INTAKE_MS = 1_000;
/** Beyond what the start itself may take: the node's way to it, the word that it is ready. */
const START_MARGIN_MS = 2_000;
/** A start that takes longer is not waited for. */
const MAX_REPLACE_MS = 15_000;
const POLL_MS = 10;

/** What was written, of a manifest. */
export function writtenOf({ config }: Pick<Manifest, "config">, revision: number): Written {
  return { name: config.name, revision, startMs: config.limits.startMs };
}

/**
 * Resolves when every gateway answers the next request with what was written: it has taken it in, and an instance of it is
 * ready, or none of another revision is. Each of the two is waited for only so long, as the gateways follow by themselves:
 * false says that one of them had not come so far by then. Where no gateway runs there is nothing to wait for.
 */
export async function waitForGateways(
  nats: Nats,
  { name, revision, startMs }: Written,
  { signal, onReplacing, isPatient = true }: WaitOptions = {},
): Promise<boolean> {
  const startedMs = performance.now();
  const replaceMs = Math.min(startMs + START_MARGIN_MS, MAX_REPLACE_MS);
  let isReplacing = false;
  for (;;) {
    const asked = discoverStats(nats, { name: GATEWAY_SERVICE, maxWaitMs: 250, quietMs: 20 });
    // NATS that is away by now undoes nothing of what was written.
    const gateways = (await asked.catch(() => [])).map(statsOf);
    const isTakenIn = gateways.every((stats) => stats === undefined || stats.specs >= revision);
    const isInForce = isTakenIn && !gateways.some((stats) => stats?.outdated.includes(name));
    if (isInForce || !isPatient || signal?.aborted === true) return isInForce;
    if (performance.now() - startedMs > (isTakenIn ? replaceMs : MAX_INTAKE_MS)) return false;
    if (isTakenIn && !isReplacing) onReplacing?.();
    isReplacing ||= isTakenIn;
    await sleep(POLL_MS);
  }
}

/** Undefined: a gateway of another version, which does not tell. */
function statsOf({ endpoints }: DiscoveredStats): GatewayStats | undefined {
  return GatewayStatsSchema.safeParse(endpoints?.[0]?.data).data;
}
