import { expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const slow = (version: string) => `
  export default async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return new Response(${JSON.stringify(version)});
  };
`;

it("a node that stops finishes what an instance took that was draining already", async () => {
  await using world = await startWorld();
  await world.push("slow", slow("v1"));
  const request = world.call("/slow", { method: "POST" });
  await eventually(async () => expect(await world.ps("slow")).toMatchObject([{ inFlight: 1 }]));
  await world.push("slow", slow("v2"));
  await world.announced("slow", "draining");
  await world.nodes[0]?.drain();
  expect(await request).toMatchObject({ status: 200, text: "v1" });
});
