const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

/** Whether a request may run twice: by its method (RFC 9110, section 9.2.2), or because it has an `Idempotency-Key`. */
export function isRepeatable(method: string, headers: ReadonlyMap<string, unknown>): boolean {
  return IDEMPOTENT.has(method) || headers.has("Idempotency-Key");
}
