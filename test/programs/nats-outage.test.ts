/** A program keeps its way to NATS: it comes back with NATS, and its requests with it. */
import { afterAll, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ isLinked: true });
afterAll(() => world[Symbol.asyncDispose]());

it("answers again after its connection broke, in the same process", async () => {
  const act = `answer(String(process.pid));`;
  await world.push(
    "steady",
    { "server.mjs": programSource({ act }) },
    { mode: "exec", command: "server.mjs", scale: { min: 1 } },
  );
  const { text } = await world.call("/steady");
  const { instance } = await world.listed("steady");
  world.link.cut(`steady/${instance}`);
  await eventually(async () => expect(await world.call("/steady")).toMatchObject({ status: 200, text }), {
    timeoutMs: 30_000,
  });
});
