import { GATEWAY_SERVICE, type GatewayStats, messageOf, subjects } from "../../contracts/index.ts";
import { createRelay, type Log } from "../../dispatch/index.ts";
import { Ledger, type MicroService, registerMicroService } from "../../nats/index.ts";
import { createPeers, type StreamPresence } from "../../streams/index.ts";
import type { Addresses, Door } from "../door.ts";
import { createInvokeEndpoints, type InvokeOptions } from "./invoke.ts";

export interface InvokeDoorOptions extends Omit<InvokeOptions, "relay" | "ledger"> {
  /** Tells callers that the gateway is alive. */
  presence: StreamPresence;
  /** The addresses of the open doors. The gateway's service announces them. */
  addresses(): Addresses;
  stats(): GatewayStats;
  log: Log;
}

const VERSION = "1.0.0";

/** Requests over NATS. The gateway is discovered by the service of this door, until the door is closed. */
export function invokeDoor({ presence, addresses, stats, log, ...options }: InvokeDoorOptions): Door {
  const { nats } = options;
  const peers = createPeers(nats);
  const ledger = new Ledger(nats);
  const relay = createRelay({ nats, peers, presence, ledger });
  let service: MicroService | undefined;
  return {
    name: "invoke",
    async listen() {
      service = registerMicroService(nats, {
        name: GATEWAY_SERVICE,
        version: VERSION,
        description: "narun's gateway",
        metadata: Object.fromEntries([...addresses()].map(([name, address]) => [`narun.${name}`, address])),
        endpoints: createInvokeEndpoints({ ...options, relay, ledger }),
        stats,
      });
      await nats.confirm();
      return subjects.invokeAll;
    },
    async drain() {
      await service?.drain().catch((error: unknown) => {
        log.debug({ error: messageOf(error) }, "NATS is gone before the gateway");
      });
    },
    async close() {
      service?.close();
      relay.close();
      ledger.close();
      peers.close();
    },
  };
}
