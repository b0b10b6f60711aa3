import { CallError } from "../../process/host-calls.ts";

/** The DOMExceptions of Web Cryptography. */
const NAMES = [
  "DataError",
  "InvalidAccessError",
  "NotSupportedError",
  "OperationError",
  "QuotaExceededError",
  "SyntaxError",
];

const MAX_MESSAGE_LENGTH = 200;

/**
 * What the isolate hears of a failure. Node's own words are passed on where they are of the standard's kinds: they speak
 * of the arguments. Everything else, OpenSSL's errors among it, could speak of the host.
 */
export function toCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  if (error instanceof DOMException && NAMES.includes(error.name))
    return new CallError(error.name, messageOf(error));
  if (error instanceof TypeError && String((error as NodeJS.ErrnoException).code).startsWith("ERR_"))
    return new CallError("TypeError", messageOf(error));
  return new CallError("OperationError", "the operation failed");
}

function messageOf({ message }: Error): string {
  return (message.split("\n", 1)[0] ?? "").slice(0, MAX_MESSAGE_LENGTH);
}
