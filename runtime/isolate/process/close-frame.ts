/** The values of a WebSocket's close frame (RFC 6455, section 5.5.1), read from user input. */
import { isSendableCloseCode } from "../../../web/index.ts";

/** RFC 6455, section 7.4.1. */
const NO_STATUS = 1005;
const MAX_REASON_BYTES = 123;

/** The code where a close frame can carry it; otherwise the code of a frame without one. */
export function closeCodeOf(code: unknown): number {
  return typeof code === "number" && isSendableCloseCode(code) ? code : NO_STATUS;
}

/** The reason where a close frame can carry it; otherwise an empty one. */
export function closeReasonOf(reason: unknown): string {
  const isUsable = typeof reason === "string" && Buffer.byteLength(reason) <= MAX_REASON_BYTES;
  return isUsable ? reason : "";
}
