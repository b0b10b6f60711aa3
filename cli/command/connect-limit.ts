/** How long a command waits for the only server that it knows: a busy machine is slow at TLS. */
const ONLY_SERVER_MS = 10_000;

/** The limit of a command's connect. Of several servers the next one is tried soon: then it is the default's. */
export function connectLimit(url = ""): { connectTimeoutMs?: number } {
  return url.includes(",") ? {} : { connectTimeoutMs: ONLY_SERVER_MS };
}
