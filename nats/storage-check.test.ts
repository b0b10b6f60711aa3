import { expect, test } from "vitest";
import { startConfiguredNats } from "../test/harness/configured-nats.ts";
import { startTestNats } from "../test/harness/nats.ts";
import { connectNats } from "./connection.ts";
import { findStuckStreams } from "./storage-check.ts";
import { openSpecs } from "./stores.ts";

// Streams that are stuck: server/full-disk.test.ts.

test("a sound system has no stuck stream, and nothing is purged by the look", async () => {
  await using server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  await using _ = { [Symbol.asyncDispose]: () => nats.close() };
  expect(await findStuckStreams(nats)).toEqual([]);
  await openSpecs(nats);
  await nats.request("$KV.app-configs.x", "kept", { timeoutMs: 2_000 });
  expect(await findStuckStreams(nats)).toEqual([]);
  expect(await (await openSpecs(nats)).get("x")).toBeDefined();
});

test("a login that may not look says nothing of the streams", async () => {
  const user = `user: "ann", password: "word", permissions: { publish: { deny: "$JS.API.STREAM.PURGE.>" } }`;
  await using server = await startConfiguredNats(`authorization { users: [{ ${user} }] }`);
  const nats = await connectNats({ url: `ann:word@${server.host}`, name: "test" });
  await using _ = { [Symbol.asyncDispose]: () => nats.close() };
  expect(await findStuckStreams(nats)).toEqual([]);
});
