import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import { type NatsCluster, startNatsCluster } from "../test/harness/nats-cluster.ts";
import { connectNats, type Nats } from "./connection.ts";
import { findCopies, keepCopies } from "./copies.ts";
import { ensureJournals } from "./journals/ensure-journals.ts";
import { openByteKv } from "./kv/byte-kv.ts";
import { ensureLogHistory } from "./log-history.ts";
import { openBinaries, openNodeStates, openRevisions, openSecrets } from "./stores.ts";

const LONG_MS = 60_000;
const WAIT = { timeoutMs: 30_000 };

let cluster: NatsCluster;
let closers: (() => unknown)[];
beforeEach(() => {
  closers = [];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await cluster[Symbol.asyncDispose]();
});

async function connect(options: { copies?: number } = {}): Promise<Nats> {
  const nats = await eventually(
    () => connectNats({ url: cluster.urls(), name: "copies test", ...options }),
    WAIT,
  );
  closers.push(() => nats.close());
  return nats;
}

async function openAll(nats: Nats): Promise<void> {
  await Promise.all([openRevisions(nats), openNodeStates(nats), openSecrets(nats), openBinaries(nats)]);
  await Promise.all([ensureLogHistory(nats), ensureJournals(nats)]);
  await openByteKv(nats, "of-a-function").put("key", new Uint8Array(1));
}

async function copiesOf(nats: Nats): Promise<number[]> {
  const found = await findCopies(nats);
  expect(found.map(({ stream }) => stream)).toEqual([
    "KV_app-configs",
    "KV_narun-revisions",
    "KV_narun-secrets",
    "KV_node-runner-states",
    "KV_of-a-function",
    "narun-logs",
    "narun-workflows",
    "OBJ_app-binaries",
  ]);
  return [...new Set(found.map(({ copies }) => copies))];
}

test("stores of two servers get three copies when the third is seen", { timeout: LONG_MS }, async () => {
  cluster = await startNatsCluster({ begin: 2 });
  const nats = await connect();
  await openAll(nats);
  expect(await copiesOf(nats)).toEqual([1]);
  const told: { streams: string[]; copies: number }[] = [];
  const log = {
    info: (fields: object) => void told.push(fields as { streams: string[]; copies: number }),
    warn: () => undefined,
  };
  closers.push(keepCopies(nats, log));
  cluster.start("n2");
  await eventually(async () => expect(await copiesOf(nats)).toEqual([3]), WAIT);
  await eventually(
    async () => expect((await findCopies(nats)).map(({ current }) => current)).toEqual(Array(8).fill(3)),
    WAIT,
  );
  await eventually(() => expect(told.flatMap(({ streams }) => streams)).toHaveLength(8), WAIT);
  expect(told[0]?.copies).toBe(3);
  // The buckets have what they had.
  expect((await openByteKv(nats, "of-a-function").get("key"))?.bytes).toHaveLength(1);
});

test("a number of the operator wins; stores of a cluster have three at once", {
  timeout: LONG_MS,
}, async () => {
  cluster = await startNatsCluster();
  const single = await connect({ copies: 1 });
  await openRevisions(single);
  const nats = await connect();
  await openSecrets(nats);
  const found = Object.fromEntries((await findCopies(nats)).map(({ stream, copies }) => [stream, copies]));
  expect(found).toEqual({ "KV_app-configs": 1, "KV_narun-revisions": 1, "KV_narun-secrets": 3 });
  const many = await connect({ copies: 5 });
  await expect(openNodeStates(many)).rejects.toMatchObject({
    code: "NATS_JETSTREAM_UNAVAILABLE",
    message: expect.stringContaining("peers"),
  });
});
