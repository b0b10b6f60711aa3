/** The leaders of streams, as nats-server announces them. */
import { jetstreamManager } from "@nats-io/jetstream";
import type { Nats } from "../../../nats/index.ts";

const ELECTED = "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.";

export interface LeaderWatch {
  /** The leader of each stream now. */
  leaders(): Promise<ReadonlyMap<string, string>>;
  /** Forgets the elections so far. */
  forget(): void;
  /** When the first leader of each stream was elected since then, in the time of `performance.now()`. */
  readonly electedAtMs: ReadonlyMap<string, number>;
}

/** `listeners`: a connection to each server, as one of them dies. */
export function watchLeaders(nats: Nats, listeners: readonly Nats[]): LeaderWatch {
  const electedAtMs = new Map<string, number>();
  for (const listener of listeners)
    listener.subscribe(`${ELECTED}*`, ({ subject }) => {
      const stream = subject.slice(ELECTED.length);
      if (!electedAtMs.has(stream)) electedAtMs.set(stream, performance.now());
    });
  return {
    electedAtMs,
    forget: () => electedAtMs.clear(),
    async leaders() {
      const manager = await jetstreamManager(nats.connection, { checkAPI: false });
      const found = new Map<string, string>();
      for await (const { config, cluster } of manager.streams.list())
        found.set(config.name, cluster?.leader ?? "");
      return found;
    },
  };
}
