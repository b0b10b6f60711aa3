import {
  createHeaders,
  type ErrorCode,
  encodeError,
  encodeReply,
  errorEntry,
  type Headers,
  headerNames,
  headerValue,
  isResponseStatus,
  type Limits,
  messageBytes,
} from "../../contracts/index.ts";
import { fieldsOfBlock } from "./header-block.ts";

/** A reply as it goes out on NATS. */
export interface Reply {
  headers: Headers;
  data: Uint8Array | string;
}

/**
 * Turns an isolate's response into a reply; undefined where it is no HTTP response. All of it is user input: a handler may
 * have changed anything that its `Response` was made of.
 */
export function replyFromResponse(status: unknown, headerBlock: unknown, body: unknown): Reply | undefined {
  if (!isResponseStatus(status) || typeof headerBlock !== "string") return undefined;
  const headers = encodeReply(status, fieldsOfBlock(headerBlock));
  if (headers === undefined) return undefined;
  if (body === undefined) return { headers, data: "" };
  if (typeof body === "string") return { headers, data: body };
  return body instanceof ArrayBuffer ? { headers, data: new Uint8Array(body) } : undefined;
}

/** An error as a reply. `limits`: the limits in force here. */
export function replyFromError(code: ErrorCode, limits?: Limits): Reply {
  const { limit } = errorEntry(code);
  return { headers: encodeError(code, limit === undefined ? undefined : limits?.[limit]), data: "" };
}

/** The answer to a method that the function has no export for (RFC 9110, section 15.5.6). */
export function replyMethodNotAllowed(allow: string): Reply {
  const headers = createHeaders([
    [headerNames.responseStatus, "405"],
    ["Allow", /^[A-Z, ]*$/.test(allow) ? allow : ""],
  ]);
  return { headers, data: "" };
}

/** Bytes of a reply on the wire, against the server's `max_payload`. */
export function replySize({ headers, data }: Reply): number {
  return messageBytes(headers, data);
}

/** Whether an answer is a stream of server-sent events (HTML, section 9.2). */
export function isEventStream(headers: Headers): boolean {
  return /^\s*text\/event-stream\s*(?:;|$)/i.test(headerValue(headers, "Content-Type") ?? "");
}
