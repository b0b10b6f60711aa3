/**
 * How many copies narun's streams have, decided here for all of them: buckets, object stores, journals.
 *
 * I1  A cluster of three servers or more has three of each; one server has one. An operator's number wins.
 * I2  A stream that could not have so many when it was made gets them later (`keepCopies`). Copies are never taken away.
 */
import {
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { stores } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import { withCopies } from "./copies-choice.ts";

/** The server's own bound. */
export const MAX_COPIES = 5;

/** Metadata of the stores that narun makes for functions: their names are the functions' own. */
export const MADE_BY_NARUN = { "narun.copies": "kept" };

/** As `withCopies`, for the configuration of a stream. */
export function addStream(
  nats: Pick<Nats, "copies">,
  manager: JetStreamManager,
  config: Partial<StreamConfig> & { name: string },
): Promise<StreamInfo> {
  return withCopies(nats.copies, (num_replicas) => manager.streams.add({ ...config, num_replicas }));
}

/** A stream of narun's, and the copies that it has. */
export interface StreamCopies {
  stream: string;
  copies: number;
  /** Copies that are on servers that are there, and have everything. Undefined outside of a cluster. */
  current: number | undefined;
}

/** The streams of narun's that there are. */
export async function findCopies(nats: Nats): Promise<StreamCopies[]> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const found: StreamCopies[] = [];
  for await (const { config, cluster } of manager.streams.list()) {
    if (!isOwn(config)) continue;
    const followers = cluster?.replicas?.filter(({ current, offline }) => current && offline !== true);
    const current =
      cluster === undefined ? undefined : (followers?.length ?? 0) + (cluster.leader === undefined ? 0 : 1);
    found.push({ stream: config.name, copies: config.num_replicas, current });
  }
  return found.sort((a, b) => a.stream.localeCompare(b.stream));
}

/** The streams that were given more copies, or could not be: the server's words. */
export interface RaisedCopies {
  raised: string[];
  refused: { stream: string; reason: string }[];
}

/** Gives narun's streams the copies that they lack. */
async function raiseCopies(nats: Nats): Promise<RaisedCopies> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const result: RaisedCopies = { raised: [], refused: [] };
  const wanted = nats.copies.copies;
  if (wanted === 1) return result;
  for (const { stream, copies } of await findCopies(nats)) {
    if (copies >= wanted) continue;
    try {
      await manager.streams.update(stream, { num_replicas: wanted });
      result.raised.push(stream);
    } catch (error) {
      result.refused.push({ stream, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return result;
}

export interface CopiesLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** How long the look waits after news of the cluster: servers come one after the other. */
const SETTLE_MS = 500;
/** How often copies are counted in a cluster: a stream that was made while a server was away has too few. */
const LOOK_MS = 30_000;
/** How long until the next try, where a stream could not get its copies. */
const RETRY_MS = 5_000;

/**
 * Raises copies now, and whenever the cluster has grown; the log tells of it. Returns the function that ends it.
 * Several processes may do so: what one has raised the others find done. A role of a network that may not change streams leaves it to
 * the operator's login of `narun up`.
 */
export function keepCopies(nats: Nats, log: CopiesLog): () => void {
  if (nats.role !== undefined && nats.role !== "cli") return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  let told = "";
  const lookIn = (waitMs: number) => {
    clearTimeout(timer);
    // Processes that start together do not ask at one instant.
    if (!isOver) timer = setTimeout(() => void look(), waitMs * (1 + Math.random())).unref();
  };
  const look = async () => {
    const { copies } = nats.copies;
    try {
      const { raised, refused } = await raiseCopies(nats);
      if (raised.length > 0) log.info({ streams: raised, copies }, "streams get more copies");
      const reasons = JSON.stringify(refused);
      if (refused.length > 0 && reasons !== told) log.warn({ refused, copies }, "streams lack copies");
      told = reasons;
      if (nats.cluster.isCluster) lookIn(refused.length > 0 ? RETRY_MS : LOOK_MS);
    } catch {
      // JetStream is away: it is asked again.
      lookIn(RETRY_MS);
    }
  };
  const forget = nats.cluster.listen(() => lookIn(SETTLE_MS));
  lookIn(SETTLE_MS);
  return () => {
    isOver = true;
    clearTimeout(timer);
    forget();
  };
}

const OWN_STREAMS = new Set(Object.values(stores).flatMap(streamsOf));

function streamsOf(store: object): string[] {
  const { bucket, objects, stream, records, events, runs } = store as Partial<Record<string, string>>;
  return [
    ...(bucket === undefined ? [] : [`KV_${bucket}`]),
    ...(objects === undefined ? [] : [`OBJ_${objects}`]),
    ...[stream, records, events, runs].filter((name) => name !== undefined),
  ];
}

function isOwn({ name, metadata = {} }: StreamConfig): boolean {
  return OWN_STREAMS.has(name) || Object.keys(MADE_BY_NARUN).some((key) => metadata[key] !== undefined);
}
