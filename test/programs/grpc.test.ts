/** gRPC services of programs that narun.yaml names: one message in, one message out, started by a call. */
import { Metadata, status } from "@grpc/grpc-js";
import { afterAll, expect, it } from "vitest";
import { rawClient } from "../grpc/raw-functions.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const act = `
  const method = headers["X-Original-Grpc-Method"];
  if (method?.endsWith("/Fail")) message.respondError(5, "nothing is here");
  else if (method === undefined) answer("no method");
  else answer(method + " " + body + " " + headers["Grpc-Md-X-Own"]);`;

it("is started by a call, and answers it with metadata, status and health", async () => {
  await world.push(
    "speaks",
    { "server.mjs": programSource({ act }) },
    {
      ...{ mode: "exec", command: "server.mjs", grpc: ["pkg.Speaks"], limits: { startMs: 20_000 } },
      routes: [{ path: "/speaks" }],
    },
  );
  using client = rawClient(world.gateway.grpcAddress ?? "");
  const metadata = new Metadata();
  metadata.set("x-own", "1");
  const options = { deadline: Date.now() + 25_000 };
  const said = await client.call("/pkg.Speaks/Hello", ["Ann"], metadata, options);
  expect(said.messages).toEqual(["/pkg.Speaks/Hello Ann 1"]);
  expect(said.code).toBe(status.OK);
  const failed = await client.call("/pkg.Speaks/Fail", ["Ann"], metadata, options);
  expect(failed).toMatchObject({ code: status.NOT_FOUND, details: "nothing is here" });
  const streamed = await client.call("/pkg.Speaks/Hello", ["Ann", "Bob"], metadata, options);
  expect(streamed.code).toBe(status.UNIMPLEMENTED);
  const other = await client.call("/pkg.Silent/Hello", ["Ann"], metadata, options);
  expect(other.code).toBe(status.UNIMPLEMENTED);
  // Its paths are its own as before.
  expect(await world.call("/speaks")).toMatchObject({ text: "no method" });
}, 60_000);
