/** The code of a system error (`ENOENT`, `EADDRINUSE`), where it is one. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
