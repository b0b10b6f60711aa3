/** A node cannot read a function from the store at its start: this says nothing against the function. */
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { expect, it } from "vitest";
import { revisionKey, stores } from "../contracts/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

/** More than a node takes until it gives up a store that is away (needs-jetstream.ts). */
const LONG_MS = 60_000;

it("a request is held while no node can read its function, and answered as soon as one can", {
  timeout: 2 * LONG_MS,
}, async () => {
  await using world = await startWorld({ gateway: { hold: { holdMs: 2 * LONG_MS } } });
  const { revision } = await world.push("fn", `export default () => new Response("hello");`);
  // The first node has the revision in memory since its trial.
  await world.startNode("node-1");
  await world.nodes[0]?.drain();
  const { bucket } = stores.revisions;
  const buckets = new Kvm(jetstream(world.connection.connection));
  const store = await buckets.open(bucket);
  const key = revisionKey("fn", revision);
  const manifest = await store.get(key);
  if (manifest === null) throw new Error("the revision is not in the store");
  await store.destroy();

  const held = world.call("/fn");
  await eventually(() => expect(world.announcements("fn").map(({ state }) => state)).toContain("gone"), {
    timeoutMs: LONG_MS,
  });
  await (await buckets.create(bucket, { history: 1 })).put(key, manifest.value);
  expect(await held).toMatchObject({ status: 200, text: "hello" });
});
