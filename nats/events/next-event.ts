import { subjects } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { readNews, type StoredEvent } from "./event-message.ts";

/** The next event of a pattern that is stored. Undefined where the signal aborts before. */
export function nextEvent(
  nats: Nats,
  pattern: string,
  signal: AbortSignal,
): Promise<StoredEvent | undefined> {
  const { promise, resolve } = Promise.withResolvers<StoredEvent | undefined>();
  const subscription = nats.subscribe(subjects.eventNews(pattern), ({ headers, data }) => {
    const event = readNews(nats.world, headers, data);
    if (event !== undefined) resolve({ ...event, data: event.data.slice() });
  });
  const onAbort = () => resolve(undefined);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  return promise.finally(() => {
    signal.removeEventListener("abort", onAbort);
    subscription.unsubscribe();
  });
}
