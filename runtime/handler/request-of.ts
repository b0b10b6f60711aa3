import { fieldsToSend } from "../instance/header-block.ts";
import type { IncomingRequest } from "../instance/sandbox.ts";

/** Methods that `Request` refuses (Fetch, section 2.2.1). */
const FORBIDDEN = /^(?:CONNECT|TRACE|TRACK)$/i;

/**
 * The request for a handler, with `body` in place of a streamed one. A code: `Request` cannot carry it. A body of GET and HEAD,
 * which `Request` refuses, is dropped.
 */
export function requestOf(
  { method, url, headerBlock, body }: IncomingRequest,
  stream: ReadableStream | undefined,
  signal: AbortSignal,
): Request | "BAD_REQUEST" {
  if (FORBIDDEN.test(method)) return "BAD_REQUEST";
  const content = stream ?? (typeof body === "number" ? undefined : body);
  const hasBody = content !== undefined && method !== "GET" && method !== "HEAD";
  if (!hasBody) void stream?.cancel().catch(() => undefined);
  try {
    return new Request(url, {
      method,
      headers: fieldsToSend(headerBlock),
      signal,
      ...(hasBody ? { body: content, duplex: "half" } : {}),
    });
  } catch {
    // A name or a value that `Headers` does not take, or a method that is no token.
    return "BAD_REQUEST";
  }
}
