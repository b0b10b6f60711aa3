import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { capabilitiesOf, messageOf, stores } from "../../contracts/index.ts";
import { type Nats, purgeLeftovers } from "../../nats/index.ts";
import type { DesiredState } from "./desired-state.ts";

export interface LeftoverOptions {
  nats: Nats;
  desired: Pick<DesiredState, "names" | "get">;
  log: Logger;
  signal: AbortSignal;
  /** How often stores are purged. Default: an hour, the age at which chunks count as left. */
  everyMs?: number;
  /** How old chunks are that are purged. Default: an hour. */
  leftAfterMs?: number;
}

const HOUR_MS = 3_600_000;
/** How long after the start the first purge waits: the start needs the time for itself. */
const FIRST_MS = 30_000;

/**
 * Purges the chunks that killed writers left in the object stores of the functions and in narun's own, again and again until
 * the signal aborts. Each node does so: the second one finds nothing.
 */
export async function keepPurgingLeftovers(options: LeftoverOptions): Promise<void> {
  const { signal, everyMs = HOUR_MS } = options;
  for (let waitMs = Math.min(FIRST_MS, everyMs); ; waitMs = everyMs) {
    await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    for (const bucket of bucketsOf(options.desired)) await purgeOne(options, bucket);
  }
}

async function purgeOne({ nats, log, signal, leftAfterMs }: LeftoverOptions, bucket: string): Promise<void> {
  if (signal.aborted) return;
  try {
    const purged = await purgeLeftovers(nats, bucket, leftAfterMs === undefined ? {} : { leftAfterMs });
    if (purged > 0) log.info({ bucket, purged }, "chunks of objects that were never whole are purged");
  } catch (error) {
    // The next purge finds the chunks, too.
    log.debug({ bucket, error: messageOf(error) }, "an object store was not looked through");
  }
}

/** The object stores that functions write to, and narun's own. */
function bucketsOf(desired: Pick<DesiredState, "names" | "get">): Set<string> {
  const declared = desired.names().flatMap((name) => {
    const spec = desired.get(name)?.spec;
    return spec === undefined
      ? []
      : capabilitiesOf(spec).flatMap((one) => (one.kind === "objects" ? [one.bucket] : []));
  });
  return new Set([stores.binaries.objects, ...declared]);
}
