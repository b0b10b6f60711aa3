const ESCAPE = /%([0-9a-f]{2})/gi;

/** The form in which paths are compared with routes: decoded, one character a byte. `%2F` stays, as it is no separator. */
export function routingPath(rawPath: string): string {
  if (!rawPath.includes("%")) return rawPath;
  return rawPath.replace(ESCAPE, (_whole, hex: string) =>
    hex.toLowerCase() === "2f" ? "%2F" : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/**
 * The form in which routes are compared with each other, and with paths. A client sends the bytes of a path, or their
 * percent-encoding. The author of a route may write the letters.
 */
export function routeKey(path: string): string {
  return routingPath(Buffer.from(path, "utf8").toString("latin1"));
}
