import { headerNames, setTimeLeft } from "../contracts/index.ts";
import { NatsAnswerer, OutgoingExchange } from "../streams/index.ts";
import type { DispatcherOptions, Job, Target } from "./job.ts";

/**
 * Sets the headers that differ at each sending: the time that is left, the world, and the token of the exchange. A consumer
 * that narun did not start may know no streams, and gets no token. `onBodyOver` is called when the body was sent.
 */
export function openExchange(
  { nats, presence }: Pick<DispatcherOptions, "nats" | "presence">,
  { request }: Job,
  target: Target,
  onBodyOver: () => void,
): OutgoingExchange<NatsAnswerer> | undefined {
  const { headers, rest } = request;
  setTimeLeft(headers, request.endsAtMs);
  headers.delete(headerNames.stream);
  headers.delete(headerNames.body);
  if (target === "shared") headers.set(headerNames.world, [nats.world.id]);
  else headers.delete(headerNames.world);
  if (target === "shared" || !request.streams) return undefined;
  const exchange = new OutgoingExchange({
    channel: new NatsAnswerer({ nats, presence, answerer: target.id }),
    rest,
    onRestOver: onBodyOver,
  });
  headers.set(headerNames.stream, [exchange.channel.token]);
  if (rest !== undefined) headers.set(headerNames.body, ["stream"]);
  return exchange;
}
