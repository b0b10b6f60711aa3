import { clearBytesOf } from "../../../../keys/index.ts";
import type { BindingContext } from "./binding-context.ts";
import { createSealing } from "./sealing.ts";

/** The messages of a publisher with `seal`. They leave in the order in which they were given, though sealing takes time. */
interface SealedSends {
  /** The most bytes that fit, sealed, into a message. */
  fitting(maxBytes: number): number;
  /** Seals for the subject, and calls `send`. */
  send(subject: string, bytes: Uint8Array, send: (sealed: Uint8Array) => void): Promise<undefined>;
}

export function createSealedSends({ declared, sealer }: Pick<BindingContext, "declared" | "sealer">) {
  let last: Promise<unknown> = Promise.resolve();
  return {
    /** Undefined for a publisher that sends in clear. */
    of(name: unknown): SealedSends | undefined {
      const { seal } = declared("publish", name);
      if (seal === undefined) return undefined;
      const sealing = createSealing(sealer, seal);
      return {
        fitting: (maxBytes) => clearBytesOf(maxBytes, seal),
        async send(subject, bytes, send) {
          const sealed = sealing.seal(bytes, ["subject", subject]);
          const sending = last.then(async () => send(await sealed));
          // A message that could not be sealed holds up no other.
          last = sending.catch(() => undefined);
          await sending;
          return undefined;
        },
      };
    },
  };
}
