/**
 * Leftovers: chunks in an object store without an object, as their writer was killed or its last purge failed.
 *
 * I1  Chunks of a write that may go on are left alone: a writer whose body is silent for half of `LEFT_AFTER_MS`
 *     breaks off (byte-objects-write.ts).
 * I2  The chunks are listed before the entries: a write that ends in between is found to be an object.
 * I3  Where an entry cannot be read nothing is purged: the chunks may be that entry's.
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { z } from "zod";
import { parseJson } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { isStreamMissing } from "../jetstream-errors.ts";
import { readStored } from "../stored-messages.ts";
import { chunkSubject } from "./object-names.ts";

/** How old the last chunk of a leftover is. */
export const LEFT_AFTER_MS = 3_600_000;

const EntrySchema = z.looseObject({ nuid: z.string().optional() });

/** Purges leftovers; returns the number of unfinished objects. A missing store has none. */
export async function purgeLeftovers(
  nats: Nats,
  bucket: string,
  { leftAfterMs = LEFT_AFTER_MS }: { leftAfterMs?: number } = {},
): Promise<number> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const stream = `OBJ_${bucket}`;
  const info = await infoOf(manager, stream, chunkSubject(bucket, "*"));
  if (info === undefined || info.ids.length === 0) return 0;
  const used = new Set<string>();
  for await (const { data } of readStored({ nats, manager, stream, filter: `$O.${bucket}.M.>` })) {
    const entry = parseJson(new TextDecoder().decode(data), EntrySchema);
    if (entry === undefined) return 0;
    if (entry.nuid !== undefined) used.add(entry.nuid);
  }
  let purged = 0;
  for (const id of info.ids.filter((one) => !used.has(one))) {
    const filter = chunkSubject(bucket, id);
    const last = await manager.streams.getMessage(stream, { last_by_subj: filter });
    if (last === null || info.nowMs - last.time.getTime() < leftAfterMs) continue;
    await manager.streams.purge(stream, { filter });
    purged += 1;
  }
  return purged;
}

/** The last tokens of the subjects under a filter, and the server's time; undefined where there is no such stream. */
async function infoOf(
  manager: JetStreamManager,
  stream: string,
  filter: string,
): Promise<{ ids: string[]; nowMs: number } | undefined> {
  try {
    const info = await manager.streams.info(stream, { subjects_filter: filter });
    // The library's type lacks it.
    const { ts } = info as { ts?: string };
    const ids = Object.keys(info.state.subjects ?? {}).map((subject) => subject.split(".").at(-1) ?? "");
    return { ids, nowMs: ts === undefined ? Date.now() : Date.parse(ts) };
  } catch (error) {
    if (isStreamMissing(error)) return undefined;
    throw error;
  }
}
