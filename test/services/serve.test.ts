/** A service in a process of one's own: `serve` gives it the same endpoints and routes. */
import { createFileRegistry, type DescService } from "@bufbuild/protobuf";
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { compileProto } from "../../builder/proto/compile.ts";
import { createSourceFolder } from "../../builder/testing/source-folder.ts";
import { grpc, service } from "../../functions/sdk/index.ts";
import { serve } from "../../runtime/serve/index.ts";
import { rawClient } from "../grpc/raw-functions.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ nodes: 0 });
});
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
    "calls",
    "greet",
    "row",
  ]);
  await served.close();
  expect(life).toEqual(["it starts", "it stops"]);
}, 60_000);

it("serves actions over gRPC by the descriptor of a .proto file", async () => {
  await using folder = await createSourceFolder({
    "desk.proto": `syntax = "proto3"; package desk.v1;
      service Desk { rpc Greet(Who) returns (Greeting); }
      message Who { string who = 1; }
      message Greeting { string text = 1; }`,
  });
  const { set } = await compileProto(folder.path("desk.proto"), { root: folder.dir });
  const descriptor = createFileRegistry(set).getService("desk.v1.Desk") as DescService;
  const greeting = z.object({ text: z.string() });
  const one = service({ name: "bureau", version: "1.0.0" }).action(
    "greet",
    { input: z.object({ who: z.string() }), output: greeting },
    ({ who }) => ({ text: `hello ${who}` }),
  );
  const { url: nats } = world.nats;
  await using _ = await serve(grpc(descriptor, one), { service: "bureau", nats, signals: false });
  using client = rawClient(world.gateway.grpcAddress ?? "");
  await eventually(async () =>
    expect(await client.call("/desk.v1.Desk/Greet", ["\n\u0003Ada"], new Metadata())).toMatchObject({
      code: status.OK,
      messages: ["\n\thello Ada"],
    }),
  );
  const misfit = service({ name: "bureau", version: "1.0.0" }).action("meet", {}, () => 1);
  await expect(serve(grpc(descriptor, misfit), { service: "bureau", nats })).rejects.toMatchObject({
    code: "GRPC_MISMATCH",
  });
}, 60_000);

it("refuses a service that hears events, and says why", async () => {
  const hears = desk().on("stock.>", () => undefined);
  await expect(serve(hears, { service: "desk", nats: world.nats.url })).rejects.toThrow(
    "desk hears events by `.on`, and nodes bring events to deployed functions only",
  );
});

it("refuses a wrong definition, and another name", async () => {
  const { url: nats } = world.nats;
  const twice = desk().action("greet", {}, () => 1);
  await expect(serve(twice, { service: "desk", nats })).rejects.toMatchObject({ code: "ACTIONS_OVERLAP" });
  await expect(serve(desk(), { service: "other", nats })).rejects.toMatchObject({
    code: "SERVICE_NAMED_OTHERWISE",
  });
});
