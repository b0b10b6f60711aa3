/** A cluster for the tests of a file, each of which leaves it whole. */
import { jetstreamManager } from "@nats-io/jetstream";
import { expect } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { type NatsCluster, startNatsCluster } from "../../test/harness/nats-cluster.ts";
import { connectNats, type Nats } from "../connection.ts";
import { openKv, type TypedKv } from "../kv/kv.ts";

export const LONG_MS = 90_000;
export const WAIT = { timeoutMs: 30_000 };

export const codec = { decode: (text: string) => text, encode: (text: string) => text };

export interface ClusterSuite extends AsyncDisposable {
  cluster: NatsCluster;
  nats: Nats;
  /** The name of the connection's server. */
  own(): string;
  untilWhole(): Promise<void>;
  placesOf(stream: string): Promise<{ leader: string; consumers: string[] }>;
  /** A watched bucket, and the values that the watch has passed on. */
  follow(bucket: string): Promise<{ kv: TypedKv<string>; seen: string[]; end(): void }>;
}

export async function startClusterSuite(): Promise<ClusterSuite> {
  await using started = new AsyncDisposableStack();
  const cluster = started.use(await startNatsCluster());
  const options = { url: cluster.urls(), name: "cluster test", copies: 3 };
  const nats = await eventually(() => connectNats(options), WAIT);
  started.defer(() => nats.close());
  await eventually(() => expect(nats.cluster.here).toBe(3), WAIT);
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const parts = started.move();
  return {
    cluster,
    nats,
    own: () => cluster.names.find((name) => cluster.url(name) === nats.url) ?? "",
    untilWhole: () =>
      eventually(async () => {
        expect(nats.cluster.here).toBe(3);
        for await (const { config, cluster: of } of manager.streams.list()) {
          const current = of?.replicas?.filter((one) => one.current).length;
          expect([config.name, current]).toEqual([config.name, 2]);
        }
      }, WAIT),
    placesOf: (stream) =>
      eventually(async () => {
        const leader = (await manager.streams.info(stream)).cluster?.leader;
        const consumers = (await manager.consumers.list(stream).next()).map((one) => one.cluster?.leader);
        if (leader === undefined || consumers.includes(undefined))
          throw new Error("an election is under way");
        return { leader, consumers: consumers as string[] };
      }, WAIT),
    async follow(bucket) {
      const kv = await openKv(nats, { bucket }, codec);
      const ending = new AbortController();
      const seen: string[] = [];
      await kv.watch((change) => {
        if (change.kind === "put" && change.read.ok) seen.push(change.read.value);
      }, ending.signal);
      return { kv, seen, end: () => ending.abort() };
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
