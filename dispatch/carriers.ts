import type { Sending } from "./carrier.ts";
import type { Job, Target } from "./job.ts";
import { createNatsCarrier, type NatsCarrierOptions } from "./nats-carrier.ts";
import { createSocketCarrier } from "./socket-carrier.ts";

export interface Carriers {
  /** Sends a request by the socket of its instance, or over NATS. Throws where NATS can never take the message. */
  send(job: Job, target: Target): Sending;
}

export function createCarriers(options: NatsCarrierOptions): Carriers {
  const overNats = createNatsCarrier(options);
  const overSockets = createSocketCarrier(options);
  return {
    send(job, target) {
      const socket = target === "shared" ? undefined : target.socket;
      return (socket && overSockets.send(job, socket)) ?? overNats.send(job, target);
    },
  };
}
