/** A service in a process of one's own: `serve` gives it the same endpoints and routes. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { service } from "../../functions/sdk/index.ts";
import { serve } from "../../runtime/serve/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ nodes: 0 });
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

const life: string[] = [];
const desk = () =>
  service({ name: "desk", version: "2.1.0", description: "A desk" })
    .onStart((env: { name: string }) => life.push(`${env.name} starts`))
    .onStop(async (env: { name: string }) => life.push(`${env.name} stops`))
    .action(
      "greet",
      { path: "desk/{who}/greet", input: z.object({ who: z.string() }), output: z.string() },
      ({ who }) => `hello ${who}`,
    )
    .action("row", { subject: "desk.row.{n}" }, (_input, ctx) => ctx.params);

it("serves actions by their subjects and paths, starts before them and stops after them", async () => {
  const { url: nats } = world.nats;
  const served = await serve(desk(), { service: "desk", nats, env: { name: "it" }, signals: false });
  expect(life).toEqual(["it starts"]);
  const ask = async (subject: string, data: string) =>
    JSON.parse((await world.connection.request(subject, data, { timeoutMs: 20_000 })).text());
  expect(await ask("desk.greet", '{"who":"Ada"}')).toBe("hello Ada");
  expect(await ask("desk.row.5", "")).toEqual({ n: "5" });
  const post = async (path: string, body?: string) =>
    (await world.call(path, { method: "POST", ...(body && { body }) })).text;
  await eventually(async () => expect(await post("/desk.greet", '{"who":"Ada"}')).toBe('"hello Ada"'));
  expect(await post("/desk/Bob/greet")).toBe('"hello Bob"');
  expect(await post("/desk.row.6")).toBe('{"n":"6"}');
  const info = await ask("$SRV.INFO.desk", "");
  expect(info).toMatchObject({ version: "2.1.0", description: "A desk" });
  expect(info.endpoints.map(({ name }: { name: string }) => name)).toEqual([
    "handler",
    "direct",
    "greet",
    "row",
  ]);
  await served.close();
  expect(life).toEqual(["it starts", "it stops"]);
}, 60_000);

it("refuses a wrong definition, and another name", async () => {
  const { url: nats } = world.nats;
  const twice = desk().action("greet", {}, () => 1);
  await expect(serve(twice, { service: "desk", nats })).rejects.toMatchObject({ code: "ACTIONS_OVERLAP" });
  await expect(serve(desk(), { service: "other", nats })).rejects.toMatchObject({
    code: "SERVICE_NAMED_OTHERWISE",
  });
});
