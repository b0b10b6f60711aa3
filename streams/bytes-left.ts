import type { RemainingBody } from "./outgoing-exchange.ts";

/** The rest of a body that is all there. */
export function bytesLeft(bytes: Uint8Array): RemainingBody {
  return {
    pipe(sender) {
      sender.write(bytes);
      sender.end();
      return () => undefined;
    },
    cancel: () => undefined,
  };
}
