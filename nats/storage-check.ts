import { JetStreamApiError, jetstreamManager } from "@nats-io/jetstream";
import { stores } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import { isStreamMissing } from "./jetstream-errors.ts";
import { refusalOf } from "./permissions.ts";

/** A stream that refuses every write. */
export interface StuckStream {
  stream: string;
  /** The server's error text. */
  reason: string;
}

/** A subject that no stream has. */
const NOTHING = "narun.nothing";

/** The streams that narun keeps its own things in. */
const OWN_STREAMS = [
  ...[stores.configs, stores.nodes, stores.revisions, stores.secrets].map(({ bucket }) => `KV_${bucket}`),
  `OBJ_${stores.binaries.objects}`,
  stores.logs.stream,
];

/**
 * The streams, narun's own and `more`, that refuse writes because a write failed once, as the disk was full. A write
 * to find out would put a sound stream into the same state: a purge of nothing fails in the same way.
 */
export async function findStuckStreams(nats: Nats, more: readonly string[] = []): Promise<StuckStream[]> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const found = await Promise.all(
    [...new Set([...OWN_STREAMS, ...more])].map(async (stream): Promise<StuckStream | undefined> => {
      try {
        await manager.streams.purge(stream, { filter: NOTHING });
        return undefined;
      } catch (error) {
        // A login that may not purge cannot learn the state of the streams.
        if (refusalOf(error) !== undefined) return undefined;
        if (!(error instanceof JetStreamApiError)) throw error;
        return isStreamMissing(error) ? undefined : { stream, reason: error.message };
      }
    }),
  );
  return found.filter((one) => one !== undefined);
}
