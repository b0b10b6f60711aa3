/** Knows which functions of a narun sleep, by the announcements of their instances. */
import { AnnouncementSchema, subjects } from "../contracts/index.ts";
import { connectNats } from "../nats/index.ts";

export interface SleepWatch extends AsyncDisposable {
  /** Resolves when a function that has answered a request has no instance left. */
  asleep(name: string): Promise<void>;
}

/** How long a function may take to fall asleep. */
const LIMIT_MS = 60_000;

export async function watchSleep(natsUrl: string): Promise<SleepWatch> {
  const nats = await connectNats({ url: natsUrl, name: "narun bench" });
  /** Function → its instances. */
  const running = new Map<string, Set<string>>();
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  nats.subscribe(subjects.announcementsAll, (message) => {
    const { function: name, instance, state } = AnnouncementSchema.parse(JSON.parse(message.text()));
    const instances = running.get(name) ?? new Set();
    running.set(name, instances);
    if (state !== "gone") instances.add(instance);
    else if (instances.delete(instance) && instances.size === 0) waiting.get(name)?.resolve();
  });
  await nats.flush();
  return {
    async asleep(name) {
      // The announcements of an instance that has answered arrive before the reply to this flush.
      await nats.flush();
      if ((running.get(name)?.size ?? 0) === 0) return;
      const wait = Promise.withResolvers<void>();
      waiting.set(name, wait);
      const timer = setTimeout(() => wait.reject(new Error(`${name} does not fall asleep`)), LIMIT_MS);
      await wait.promise.finally(() => clearTimeout(timer));
    },
    [Symbol.asyncDispose]: () => nats.close(),
  };
}
