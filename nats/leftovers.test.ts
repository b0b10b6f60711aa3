import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, expect, test } from "vitest";
import { startTestNats } from "../test/harness/nats.ts";
import { openByteObjects } from "./byte-objects.ts";
import { connectNats } from "./connection.ts";
import { purgeLeftovers } from "./leftovers.ts";

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "test" });
afterAll(async () => {
  await nats.close();
  await server.close();
});
const client = jetstream(nats.connection);
const manager = await jetstreamManager(nats.connection);

async function* bodyOf(text: string) {
  yield new TextEncoder().encode(text);
}

async function idsIn(bucket: string): Promise<string[]> {
  const info = await manager.streams.info(`OBJ_${bucket}`, { subjects_filter: `$O.${bucket}.C.*` });
  return Object.keys(info.state.subjects ?? {}).map((subject) => subject.split(".").at(-1) ?? "");
}

test("chunks that are no object's are purged, and no others", async () => {
  const objects = openByteObjects(nats, "files");
  for (const name of ["a", "b", "gone"]) await objects.put(name, bodyOf(name));
  await objects.delete("gone");
  const kept = await idsIn("files");
  for (const id of ["left1", "left1", "left2"]) await client.publish(`$O.files.C.${id}`, "chunk");
  expect(await purgeLeftovers(nats, "files")).toBe(0);
  expect((await idsIn("files")).sort()).toEqual([...kept, "left1", "left2"].sort());
  expect(await purgeLeftovers(nats, "files", { leftAfterMs: 0 })).toBe(2);
  expect((await idsIn("files")).sort()).toEqual(kept.sort());
  expect(kept).toHaveLength(2);
});

test("nothing is purged beside an entry that cannot be read", async () => {
  await openByteObjects(nats, "odd").put("a", bodyOf("a"));
  await client.publish("$O.odd.C.other", "chunk");
  await client.publish("$O.odd.M.xyz", "no JSON");
  expect(await purgeLeftovers(nats, "odd", { leftAfterMs: 0 })).toBe(0);
  expect(await idsIn("odd")).toContain("other");
});

test("a store that is not there has none", async () => {
  expect(await purgeLeftovers(nats, "nowhere", { leftAfterMs: 0 })).toBe(0);
});
