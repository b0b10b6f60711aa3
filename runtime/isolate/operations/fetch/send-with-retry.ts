import type { HttpClient, HttpRequest, HttpResponse } from "./http-client.ts";

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/**
 * A server may close a kept connection while the next request is on its way. It never began that request, which is sent once
 * more on a new connection (RFC 9110, section 9.2.2).
 */
export async function sendWithRetry(client: HttpClient, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await client.send(request);
  } catch (error) {
    const isWhole = request.body === undefined || request.body instanceof Uint8Array;
    if (!isWhole || !IDEMPOTENT.has(request.method) || !wasKept(error) || request.signal.aborted) throw error;
    return client.send(request);
  }
}

/** Whether the connection that closed had served an exchange before. */
function wasKept(error: unknown): boolean {
  const { code, socket } = error as { code?: unknown; socket?: { bytesRead?: number } };
  return code === "UND_ERR_SOCKET" && (socket?.bytesRead ?? 0) > 0;
}
