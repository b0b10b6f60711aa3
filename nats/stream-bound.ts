import type { JetStreamManager } from "@nats-io/jetstream";

/** The part of a bounded account that one stream of narun may fill: there are three of them, with up to three copies each. */
const SHARE = 1 / 16;

/** Upper bound of a stream's bytes. A server keeps them free: an account with a small bound would have no room for anything else. */
export async function streamBound(manager: JetStreamManager, wanted: number): Promise<number> {
  const { limits } = await manager.getAccountInfo();
  return limits.max_storage > 0 ? Math.min(wanted, Math.floor(limits.max_storage * SHARE)) : wanted;
}
