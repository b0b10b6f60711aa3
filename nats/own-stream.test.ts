import { jetstreamManager, RetentionPolicy, type StreamConfig } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NarunError, stores, subjects } from "../contracts/index.ts";
import { sha256Hex } from "../machine/sha256.ts";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { connectNats, type Nats } from "./connection.ts";
import { ensureLogHistory, readLogs } from "./log-history.ts";
import { openBinaries, openNodeStates, openRevisions, openSecrets, openSpecs } from "./stores.ts";

let server: TestNats;
let nats: Nats;
beforeEach(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
});
afterEach(async () => {
  await nats.close();
  await server.close();
});

const { stream } = stores.logs;

async function add(config: Partial<StreamConfig> & { name: string }): Promise<void> {
  const { streams } = await jetstreamManager(nats.connection);
  // A connection has made the bucket of specs already.
  if (config.name === `KV_${stores.configs.bucket}`) await streams.delete(config.name);
  await streams.add(config);
}

async function openAll(): Promise<void> {
  await ensureLogHistory(nats);
  const kinds = [openSpecs, openRevisions, openNodeStates, openSecrets];
  await Promise.all(kinds.map(async (open) => expect(await (await open(nats)).list()).toEqual([])));
  const bytes = new TextEncoder().encode("bytes");
  const binaries = await openBinaries(nats);
  await binaries.put(sha256Hex(bytes), bytes);
  expect(Buffer.from(await binaries.get(sha256Hex(bytes)))).toEqual(Buffer.from(bytes));
}

test("streams that an operator changed are used as they are", async () => {
  const changed = { description: "ours", max_bytes: 10_000_000, allow_direct: false };
  await add({ ...changed, name: stream, subjects: [subjects.logsAll, "more.>"], allow_direct: true });
  for (const { bucket } of [stores.configs, stores.revisions, stores.nodes, stores.secrets])
    await add({
      ...changed,
      name: `KV_${bucket}`,
      subjects: [`$KV.${bucket}.>`],
      max_msgs_per_subject: 7,
    });
  const { objects } = stores.binaries;
  await add({ ...changed, name: `OBJ_${objects}`, subjects: [`$O.${objects}.>`], allow_rollup_hdrs: true });
  await openAll();
  for await (const _ of readLogs(nats, { since: new Date(0) })) throw new Error("there is none yet");
});

test("many may make a stream at once, each a little differently", async () => {
  await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      const config = { name: stream, subjects: [subjects.logsAll], allow_direct: true };
      if (index % 2 === 0) await add({ ...config, max_bytes: 1_000_000 + index }).catch(() => undefined);
      else await ensureLogHistory(nats);
    }),
  );
});

test.each<[string, Partial<StreamConfig>, RegExp]>([
  [
    "other subjects",
    { subjects: ["more.>"] },
    /stream narun-logs: subjects is \["more\.>"\], and narun needs logs\.>; `nats stream edit narun-logs --subjects 'more\.>','logs\.>'`/,
  ],
  ["a part of the subjects", { subjects: ["logs.*"] }, /subjects is \["logs\.\*"\]/],
  [
    "another retention",
    { retention: RetentionPolicy.Workqueue },
    /retention is workqueue, and narun needs limits; .*`nats stream rm narun-logs`/,
  ],
  ["no acks", { no_ack: true }, /no_ack is true, .*`nats stream edit narun-logs --ack`/],
  ["no direct reads", { allow_direct: false }, /allow_direct is false, .*--allow-direct`/],
])("a stream with %s is named, with the field and the way to mend it", async (_what, config, detail) => {
  await add({ name: stream, subjects: [subjects.logsAll], allow_direct: true, ...config });
  const error = await ensureLogHistory(nats).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(NarunError);
  expect(error).toMatchObject({ code: "STREAM_UNFIT", fields: { detail: expect.stringMatching(detail) } });
});

test("a stream that has the subjects under another name is named", async () => {
  await add({ name: "all-logs", subjects: ["logs.>"] });
  await expect(ensureLogHistory(nats)).rejects.toMatchObject({
    code: "STREAM_UNFIT",
    fields: { detail: expect.stringMatching(/its subjects logs\.> belong to all-logs already/) },
  });
});

test("buckets that cannot be written to are named", async () => {
  await add({ name: "KV_app-configs", subjects: ["elsewhere.>"] });
  await expect(openSpecs(nats)).rejects.toMatchObject({ code: "STREAM_UNFIT" });
  await add({ name: "OBJ_app-binaries", subjects: ["$O.app-binaries.>"] });
  await expect(openBinaries(nats)).rejects.toMatchObject({
    code: "STREAM_UNFIT",
    fields: { detail: expect.stringMatching(/allow_rollup_hdrs is false/) },
  });
});
