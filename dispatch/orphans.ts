/**
 * The instances of a node-runner that is silent, or was replaced by another runner. Their hosts may live: they finish their
 * requests, and announce their end themselves.
 *
 * I1  An instance is over when its subject has no subscriber (its host is gone), and `orphans.lostAfterMs` after its runner
 *     was lost at the latest: a machine without power closes no connection.
 * I2  The time of I1 does not run while NATS is away: no instance can be heard meanwhile.
 */
import { createHeaders, orphans, subjects } from "../contracts/index.ts";
import { isNoResponders, type Nats, type PendingReply } from "../nats/index.ts";

export interface Orphans {
  /** An instance's runner no longer speaks for it. */
  add(instance: string): void;
  /** The instance is ready again, or gone. */
  remove(instance: string): void;
  close(): void;
}

const ASK_INTERVAL_MS = 500;
/** A token that no exchange has: the instance ignores the message. */
const NO_TOKEN = "0";

export function createOrphans(nats: Nats, onOver: (instance: string) => void): Orphans {
  const left = new Map<string, { leftMs: number; asked: PendingReply | undefined }>();
  let timer: NodeJS.Timeout | undefined;

  const remove = (instance: string) => {
    left.get(instance)?.asked?.release();
    left.delete(instance);
    if (left.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  const end = (instance: string) => {
    remove(instance);
    onOver(instance);
  };
  const ask = (instance: string) => {
    const one = left.get(instance);
    if (one === undefined || nats.state !== "connected") return;
    one.asked?.release();
    one.asked = nats.send(
      subjects.streamControl(instance, NO_TOKEN),
      new Uint8Array(),
      createHeaders([]),
      (reply) => {
        if (isNoResponders(reply)) end(instance);
      },
    );
  };
  const askAll = () => {
    if (nats.state !== "connected") return;
    for (const [instance, one] of [...left]) {
      one.leftMs += ASK_INTERVAL_MS;
      if (one.leftMs >= orphans.lostAfterMs) end(instance);
      else ask(instance);
    }
  };

  return {
    add(instance) {
      if (left.has(instance)) return;
      left.set(instance, { leftMs: 0, asked: undefined });
      timer ??= setInterval(askAll, ASK_INTERVAL_MS);
      ask(instance);
    },
    remove,
    close() {
      for (const instance of [...left.keys()]) remove(instance);
    },
  };
}
