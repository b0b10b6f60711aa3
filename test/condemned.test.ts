import { afterAll, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startHeldServer } from "./harness/held-server.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

it("an instance that met its limit is replaced while its other requests finish", {
  timeout: 60_000,
}, async () => {
  await using held = await startHeldServer();
  const [address = ""] = held.config.egress;
  const source = `
    export default async ({ url }: Request) => {
      if (url.endsWith("?bad")) for (;;);
      if (url.endsWith("?slow")) await (await fetch("http://${address}")).text();
      return new Response("good");
    };
  `;
  await world.push("replaced", source, { limits: { cpuMs: 100 }, ...held.config });
  expect(await world.call("/replaced")).toMatchObject({ status: 200 });
  const slow = world.call("/replaced?slow", { method: "POST" });
  await eventually(() => expect(held.waiting).toHaveLength(1));
  expect(await world.call("/replaced?bad")).toMatchObject({ status: 504 });
  expect(await world.call("/replaced", { method: "POST" })).toMatchObject({ status: 200, text: "good" });
  held.open();
  expect(await slow).toMatchObject({ status: 200, text: "good" });
});
