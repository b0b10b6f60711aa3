import { setTimeout as sleep } from "node:timers/promises";
import { GATEWAY_SERVICE, type GatewayStats, GatewayStatsSchema, type Manifest } from "../contracts/index.ts";
import { type DiscoveredStats, discoverServices, discoverStats, type Nats } from "../nats/index.ts";

/** A revision that was made live. */
export interface Written {
  name: string;
  /** The revision of the specs' bucket after the write. */
  revision: number;
  /** How long an instance may take to start. */
  startMs: number;
}

export interface WaitOptions {
  /** Ends the wait. */
  signal?: AbortSignal | undefined;
  /** Called once, if the previous revision still answers. */
  onReplacing?: (() => void) | undefined;
  /** The ids of the running gateways: a look ends when all of them have answered. */
  known?: readonly string[];
  /** False: one look, no wait. Default: true. */
  isPatient?: boolean;
}

/** How long a push waits for gateways to read the change. A running gateway needs less, and a hanging one must not block. */
const MAX_INTAKE_MS = 1_000;
/** How long a start may take beyond `startMs`: the demand to the node, and the announcement. */
const START_MARGIN_MS = 2_000;
/** Upper bound of the wait for a start. */
const MAX_REPLACE_MS = 15_000;
const POLL_MS = 10;
/** How long a look waits for gateways in all, and after the last one where they are not known. */
const LOOK = { maxWaitMs: 250, quietMs: 20 };

/** The ids of the running gateways. A gateway that starts later reads the specs as they are then. */
export async function findGateways(nats: Nats): Promise<string[]> {
  const gateways = await discoverServices(nats, { name: GATEWAY_SERVICE, ...LOOK });
  return gateways.map(({ id }) => id);
}

/** The written revision of a manifest. */
export function writtenOf({ config }: Pick<Manifest, "config">, revision: number): Written {
  return { name: config.name, revision, startMs: config.limits.startMs };
}

/**
 * Resolves with true when every gateway answers the next request with the written revision: the gateway has read the spec,
 * and an instance of the revision is ready or no other revision has an instance. Resolves with false after a bounded wait;
 * the gateways follow later by themselves. Without a gateway it resolves at once.
 */
export async function waitForGateways(
  nats: Nats,
  { name, revision, startMs }: Written,
  { signal, onReplacing, known = [], isPatient = true }: WaitOptions = {},
): Promise<boolean> {
  const startedMs = performance.now();
  const replaceMs = Math.min(startMs + START_MARGIN_MS, MAX_REPLACE_MS);
  let isReplacing = false;
  for (;;) {
    const asked = discoverStats(nats, { name: GATEWAY_SERVICE, ...LOOK, known });
    // The write stands, also if NATS is unreachable from now on.
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

/** Undefined for a gateway of another version, whose statistics have another form. */
function statsOf({ endpoints }: DiscoveredStats): GatewayStats | undefined {
  return GatewayStatsSchema.safeParse(endpoints?.[0]?.data).data;
}
