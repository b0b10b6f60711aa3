import { decodeRequest, type Headers, headerNames, requestTextOf } from "../../contracts/index.ts";
import type { SendableHead } from "../../dispatch/index.ts";

/** The head of a request that came as a message. `headers`: all of them, also the headers that its sender left out. */
export function messageHead(headers: Headers, data: Uint8Array, service: string): SendableHead {
  const { hops, isUpgrade } = decodeRequest({ headers, data }, service);
  return {
    headers: () => headers,
    // A trigger goes over NATS only: the head of a request on a socket has no place for it.
    text: () => (headers.has(headerNames.trigger) ? undefined : requestTextOf({ headers, data }, service)),
    hops,
    isUpgrade,
  };
}
