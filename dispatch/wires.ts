/**
 * How requests to services travel that narun does not run: in header mode, or as binary HTTP.
 *
 * I1  A route, or a function's configuration, decides. Then the metadata of the service (`$SRV.INFO`). Without either, header mode.
 * I2  A service is asked once before its first request, and again when the answer is old, when it had no subscriber, and after
 *     NATS was away. An old answer is in force until the new one is there.
 * I3  A service that says that it takes only binary HTTP gets binary HTTP from then on.
 */

import { z } from "zod";
import { BoundedMap, messageOf, parseJson, WIRE_METADATA, WIRES, type Wire } from "../contracts/index.ts";
import type { Nats } from "../nats/index.ts";
import type { Log } from "./log.ts";

export interface WiresOptions {
  nats: Nats;
  /** The wire that the configuration names. Undefined: it names none. */
  configured(service: string): Wire | undefined;
  /** The wire of a service that was asked is known. */
  onKnown(service: string): void;
  log: Log;
}

/** How long a service may take to describe itself. Most answer within a millisecond. */
const ASK_MS = 500;
/** How long an answer is in force before the service is asked again. */
const FRESH_MS = 30_000;
/** Upper bound of the services that are remembered: clients of `narun.invoke.<service>` choose names. */
const MAX_KNOWN = 10_000;

interface Known {
  wire: Wire;
  /** By `performance.now()`. */
  askedAtMs: number;
}

export class Wires {
  readonly #options: WiresOptions;
  readonly #known = new BoundedMap<string, Known>(MAX_KNOWN);
  readonly #asking = new Set<string>();

  constructor(options: WiresOptions) {
    this.#options = options;
  }

  /** The wire of a service. Undefined: it was asked, and `onKnown` tells when it is known. */
  of(service: string): Wire | undefined {
    const configured = this.#options.configured(service);
    if (configured !== undefined) return configured;
    const known = this.#known.get(service);
    if (known === undefined || performance.now() - known.askedAtMs > FRESH_MS) void this.#ask(service);
    return known?.wire;
  }

  /** The wire of a service whose wire was known when its request was dispatched. */
  now(service: string): Wire {
    return this.#options.configured(service) ?? this.#known.get(service)?.wire ?? "header";
  }

  /** The service itself shows which wire it takes. Returns false where the configuration names one. */
  learn(service: string, wire: Wire): boolean {
    this.#known.set(service, { wire, askedAtMs: performance.now() });
    return this.#options.configured(service) === undefined;
  }

  /** Asks again before the next request: another program may have the service's name. */
  forget(service?: string): void {
    if (service === undefined) this.#known.clear();
    else this.#known.delete(service);
  }

  async #ask(service: string): Promise<void> {
    if (this.#asking.has(service)) return;
    this.#asking.add(service);
    const wire = await this.#describe(service);
    this.#asking.delete(service);
    this.learn(service, wire);
    this.#options.onKnown(service);
  }

  async #describe(service: string): Promise<Wire> {
    const { nats, log } = this.#options;
    try {
      const reply = await nats.request(`$SRV.INFO.${service}`, "", { timeoutMs: ASK_MS });
      return parseJson(reply.text(), InfoSchema)?.metadata?.[WIRE_METADATA] ?? "header";
    } catch (error) {
      // No subscriber, no answer, or no permission to ask.
      log.debug({ service, error: messageOf(error) }, "a service does not describe itself");
      return "header";
    }
  }
}

const InfoSchema = z.looseObject({
  metadata: z.looseObject({ [WIRE_METADATA]: z.enum(WIRES).optional().catch(undefined) }).nullish(),
});
