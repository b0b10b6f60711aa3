import { expect, it } from "vitest";
import { type Heartbeat, subjects } from "../contracts/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startHeldServer } from "./harness/held-server.ts";
import { startWorld } from "./harness/world.ts";

it("a node that stops finishes what an instance took that was draining already", async () => {
  await using held = await startHeldServer();
  await using world = await startWorld();
  await world.push("slow", held.source, held.config);
  const request = world.call("/slow", { method: "POST" });
  await eventually(() => expect(held.waiting).toHaveLength(1));
  await world.push("slow", `export default () => new Response("v2");`, held.config);
  await world.announced("slow", "draining");
  const stopping = Promise.withResolvers<void>();
  world.connection.subscribe(subjects.heartbeatsAll, (message) => {
    const { state } = JSON.parse(message.text()) as Heartbeat;
    if (state === "shutting_down") stopping.resolve();
  });
  await world.connection.flush();
  const drained = world.nodes[0]?.drain();
  await stopping.promise;
  held.open();
  expect(await request).toMatchObject({ status: 200, text: "POST" });
  await drained;
});
