import { bytesLeft } from "../../streams/index.ts";
import type { CallBody } from "./service-calls.ts";

/** The rest of a call's body that is all there. */
export function bodyOfBytes(bytes: Uint8Array): CallBody {
  const { cancel, pipe } = bytesLeft(bytes);
  let mostBytes = Number.POSITIVE_INFINITY;
  let tooLarge: () => void = () => undefined;
  return {
    cancel,
    bound(maxBytes, onTooLarge) {
      mostBytes = maxBytes;
      tooLarge = onTooLarge;
    },
    pipe(sender) {
      if (bytes.byteLength <= mostBytes) return pipe(sender);
      sender.break("BODY_TOO_LARGE");
      tooLarge();
      return () => undefined;
    },
  };
}
