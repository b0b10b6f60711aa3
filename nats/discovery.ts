import { z } from "zod";
import { parseJson, WORLD_KEY } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import { createHeaders } from "./headers.ts";
import { NO_RESPONDERS_STATUS } from "./jetstream-errors.ts";
import type { Message } from "./message.ts";

const ServiceSchema = z.looseObject({
  name: z.string(),
  id: z.string(),
  version: z.string(),
  metadata: z.record(z.string(), z.string()).nullish(),
});

const StatsSchema = ServiceSchema.extend({
  started: z.string().default(""),
  endpoints: z
    .array(
      z.looseObject({ name: z.string(), num_requests: z.number().default(0), data: z.unknown().optional() }),
    )
    .nullish(),
});

export type DiscoveredService = z.infer<typeof ServiceSchema>;
export type DiscoveredStats = z.infer<typeof StatsSchema>;

export interface DiscoverOptions {
  /** Only services of this name. Default: all. */
  name?: string;
  /** How long answers may take altogether. Default 500 ms. */
  maxWaitMs?: number;
  /** How long the discovery waits after the last answer. Default 100 ms. */
  quietMs?: number;
  /** The discovery ends with a service that is enough. Default: none is. */
  isEnough?(service: DiscoveredService): boolean;
  /** The ids of services that are known. The discovery ends when all of them have answered. */
  known?: readonly string[];
}

/**
 * Every NATS Micro service that answers `$SRV.PING`, started by narun or not; services of another world are left out.
 */
export function discoverServices(nats: Nats, options: DiscoverOptions = {}): Promise<DiscoveredService[]> {
  return gather(nats, "PING", ServiceSchema, options);
}

/** The statistics of every NATS Micro service. */
export function discoverStats(nats: Nats, options: DiscoverOptions = {}): Promise<DiscoveredStats[]> {
  return gather(nats, "STATS", StatsSchema, options);
}

/** A service without a world counts as ours. */
function isOurs(nats: Nats, { metadata }: DiscoveredService): boolean {
  return (metadata?.[WORLD_KEY] ?? nats.world.id) === nats.world.id;
}

function gather<T extends DiscoveredService>(
  nats: Nats,
  verb: "PING" | "STATS",
  schema: z.ZodType<T>,
  { name, maxWaitMs = 500, quietMs = 100, isEnough = () => false, known = [] }: DiscoverOptions,
): Promise<T[]> {
  const subject = name === undefined ? `$SRV.${verb}` : `$SRV.${verb}.${name}`;
  return new Promise((resolve, reject) => {
    const found: T[] = [];
    const awaited = new Set(known);
    const finish = () => {
      clearTimeout(limit);
      clearTimeout(quiet);
      asked?.release();
      resolve(found);
    };
    const limit = setTimeout(finish, maxWaitMs);
    let quiet: NodeJS.Timeout | undefined;
    const hear = (message: Message) => {
      // No service answers at all.
      if (message.status === NO_RESPONDERS_STATUS) return finish();
      const parsed = parseJson(message.text(), schema);
      if (parsed !== undefined && isOurs(nats, parsed)) {
        found.push(parsed);
        const wasLast = awaited.delete(parsed.id) && awaited.size === 0;
        if (wasLast || isEnough(parsed)) return finish();
      }
      clearTimeout(quiet);
      quiet = setTimeout(finish, quietMs);
    };
    // A connection that is closed throws: then nothing is waited for.
    let asked: { release(): void } | undefined;
    try {
      asked = nats.send(subject, new Uint8Array(), createHeaders(), hear, (refusal) => {
        reject(refusal);
        finish();
      });
    } catch (error) {
      clearTimeout(limit);
      reject(error);
    }
  });
}
