/** An error thrown inside the client library's callbacks ends its reader, and the connection is deaf from then on. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
