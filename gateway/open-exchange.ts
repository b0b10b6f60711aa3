import { headerNames } from "../contracts/index.ts";
import { Asking, type Nats, type StreamPresence } from "../nats/index.ts";
import type { Job, Target } from "./job.ts";

/**
 * Says in the request's headers that streams are taken, where it goes to one of narun's own instances; of others nobody
 * knows whether they can stream.
 */
export function openExchange(
  { nats, presence }: { nats: Nats; presence: StreamPresence },
  { request }: Job,
  target: Target,
): Asking | undefined {
  const { headers, rest } = request;
  headers.delete(headerNames.stream);
  headers.delete(headerNames.body);
  if (target === "shared" || !request.streams) return undefined;
  const exchange = new Asking({ nats, presence, answerer: target.id, rest });
  headers.set(headerNames.stream, [exchange.token]);
  if (rest !== undefined) headers.set(headerNames.body, ["stream"]);
  return exchange;
}
