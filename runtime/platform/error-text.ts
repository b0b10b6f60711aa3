/** The stack of an error, or the text of what else was thrown. Reading it may run user code, and fail. */
export function errorText(error: unknown): string {
  try {
    if (error instanceof Error) return withCause(error);
    return `Uncaught ${typeof error === "string" ? JSON.stringify(error) : String(error)}`;
  } catch {
    return "Uncaught value that cannot be shown";
  }
}

function withCause(error: Error): string {
  const own = `${error.stack ?? error}`;
  return error.cause instanceof Error && error.cause !== error
    ? `${own}\nCaused by: ${withCause(error.cause)}`
    : own;
}
