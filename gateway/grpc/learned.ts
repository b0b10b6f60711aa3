/**
 * The gRPC services of services that narun did not deploy: their metadata `grpc` names them (`$SRV.PING`).
 *
 * I1  They are looked for when a call has no route, at most every `PAUSE_MS`: clients choose names.
 * I2  Looks that overlap are one.
 */
import { messageOf } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import { discoverServices, type Nats } from "../../nats/index.ts";

const PAUSE_MS = 2_000;
/** Upper bounds: any client of NATS may name some. */
const MAX_NAMES = 10_000;

export interface LearnedServices {
  /** The service of NATS behind a gRPC service. */
  find(grpcService: string): string | undefined;
  names(): Iterable<string>;
  /** Looks for services again; undefined where that was just done. */
  look(): Promise<void> | undefined;
}

export function createLearnedServices({ nats, log }: { nats: Nats; log: Log }): LearnedServices {
  let services = new Map<string, string>();
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  const look = async () => {
    const found = new Map<string, string>();
    try {
      for (const { name, metadata } of await discoverServices(nats)) {
        for (const grpc of (metadata?.grpc ?? "").split(",").map((one) => one.trim()))
          if (grpc !== "" && !found.has(grpc) && found.size < MAX_NAMES) found.set(grpc, name);
      }
      services = found;
    } catch (error) {
      // NATS is away. The next call asks again.
      log.debug({ error: messageOf(error) }, "the services cannot be asked");
    }
    lookedAtMs = performance.now();
    looking = undefined;
  };
  return {
    find: (grpcService) => services.get(grpcService),
    names: () => services.keys(),
    look() {
      if (looking === undefined && performance.now() - lookedAtMs < PAUSE_MS) return undefined;
      looking ??= look();
      return looking;
    },
  };
}
