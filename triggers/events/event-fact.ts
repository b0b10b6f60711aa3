import { type Headers, headerNames } from "../../contracts/index.ts";

/** Fields by which the server keeps and tells events, and narun's own for the way. */
const OF_SERVER = /^Nats-/i;

/** The header fields of an event as its handler gets them. `handler`: the name by which the service finds it. */
export function eventFields(headers: Headers | undefined, handler: string): Record<string, string[]> {
  const own = [...(headers ?? [])].filter(
    ([name]) => !OF_SERVER.test(name) && name !== headerNames.redriveFor,
  );
  return { ...Object.fromEntries(own), [headerNames.eventHandler]: [handler] };
}
