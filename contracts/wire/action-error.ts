/** Errors of actions for clients of NATS Micro: they read the fields `Nats-Service-Error` and `Nats-Service-Error-Code`. */
import { headerNames } from "./header-names.ts";
import { type Headers, headerValue } from "./headers.ts";

/** Upper bound of a problem that is read. */
const MAX_PROBLEM_BYTES = 64 * 1024;
const ERROR_NAME = /^[\w.-]{1,64}$/;

/** Adds the two fields to an answer that is an error: its status, and the name of a declared error or the problem's code. */
export function addServiceError(headers: Headers, body: Uint8Array | string): void {
  const status = Number(headerValue(headers, headerNames.responseStatus));
  if (!(status >= 400)) return;
  const isProblem = headerValue(headers, "Content-Type")?.startsWith("application/problem+json") === true;
  headers.set(headerNames.serviceErrorCode, [String(status)]);
  headers.set(headerNames.serviceError, [(isProblem ? nameIn(body) : undefined) ?? `status ${status}`]);
}

/** User input. */
function nameIn(body: Uint8Array | string): string | undefined {
  if (body.length > MAX_PROBLEM_BYTES) return undefined;
  try {
    const text = typeof body === "string" ? body : new TextDecoder().decode(body);
    const { code, error } = JSON.parse(text) as { code?: unknown; error?: { name?: unknown } };
    const name = error?.name ?? code;
    return typeof name === "string" && ERROR_NAME.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}
