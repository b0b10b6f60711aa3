import { afterAll, expect, it } from "vitest";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

it("an instance that met its limit is replaced while its other requests finish", {
  timeout: 60_000,
}, async () => {
  const source = `
    export default async ({ url }: Request) => {
      if (url.endsWith("?bad")) for (;;);
      if (url.endsWith("?slow")) await new Promise((resolve) => setTimeout(resolve, 4_000));
      return new Response("good");
    };
  `;
  await world.push("replaced", source, { limits: { cpuMs: 100 } });
  expect(await world.call("/replaced")).toMatchObject({ status: 200 });
  const ended: string[] = [];
  const slow = world.call("/replaced?slow", { method: "POST" }).then((answer) => {
    ended.push("slow");
    return answer;
  });
  expect(await world.call("/replaced?bad")).toMatchObject({ status: 504 });
  expect(await world.call("/replaced", { method: "POST" })).toMatchObject({ status: 200, text: "good" });
  expect(ended).toEqual([]);
  expect(await slow).toMatchObject({ status: 200, text: "good" });
});
