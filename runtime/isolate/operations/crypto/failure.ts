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

/** Upper bound of the length of a message. */
const MAX_MESSAGE_LENGTH = 200;

/**
 * The error that an isolate gets for a failure. Node's messages of the standard's errors are about the arguments, and are passed
 * on. All others, OpenSSL's included, could tell of the host.
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
