/**
 * Signs callbacks in the form of Standard Webhooks (standardwebhooks.com): receivers of most languages have a library that
 * checks it, the time in it bounds replays, and the id lets a receiver drop a second delivery.
 */
import { createHmac } from "node:crypto";

const PREFIX = "whsec_";

/**
 * The fields of a signed message. A secret that begins with `whsec_` is base64 behind that; another one is its own bytes.
 */
export function signCallback(
  secret: string,
  id: string,
  atSeconds: number,
  body: string,
): Record<string, string> {
  const key = secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), "base64")
    : Buffer.from(secret);
  const signature = createHmac("sha256", key).update(`${id}.${atSeconds}.${body}`).digest("base64");
  return {
    "webhook-id": id,
    "webhook-timestamp": String(atSeconds),
    "webhook-signature": `v1,${signature}`,
  };
}
