/** Functions that implement services of gRPC, called as the original toolkit's gateway does: by one message of NATS. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { createHeaders } from "../../contracts/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";
import { rawSource } from "./raw-functions.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("raw", rawSource, { grpc: ["pkg.Raw"], scale: { min: 1 } });
  await world.push("plain", "export default () => new Response('no gRPC')", { scale: { min: 1 } });
  // A plain client wakes no function: both must run.
  await eventually(async () => {
    for (const name of ["raw", "plain"]) expect(await world.ps(name)).toHaveLength(1);
  });
});
afterAll(() => world[Symbol.asyncDispose]());

async function ask(service: string, method: string, data: string, fields: [string, string][] = []) {
  const headers = createHeaders([["X-Original-Grpc-Method", `/pkg.Raw/${method}`], ...fields]);
  const reply = await world.connection.request(service, data, { headers, timeoutMs: 20_000 });
  return {
    text: reply.text(),
    code: reply.headers?.get("Nats-Service-Error-Code")?.[0],
    error: reply.headers?.get("Nats-Service-Error")?.[0],
    headers: Object.fromEntries(reply.headers ?? []),
  };
}

it("answers a message with a message", async () => {
  expect(await ask("raw", "Echo", "hello")).toMatchObject({ text: "hello", code: undefined });
  expect(await ask("raw", "Echo", "")).toMatchObject({ text: "", code: undefined });
  expect(await ask("raw", "Split", "one")).toMatchObject({
    text: "one",
    headers: { "Grpc-Trailer-Parts": ["1"] },
  });
});

it("takes and gives metadata", async () => {
  const { text, headers } = await ask("raw", "Metadata", "", [
    ["Grpc-Md-X-One", "1"],
    ["Grpc-Timeout", "10S"],
  ]);
  expect(text).toContain("x-one: 1");
  expect(headers).toMatchObject({ "Grpc-Md-X-One": ["1"], "Grpc-Trailer-X-One": ["1"] });
});

it.each([
  ["raw", "Fail", "5 not here", "5", "not here"],
  ["raw", "Nothing", "", "12", "no method Nothing"],
  ["raw", "Split", "a,b", "12", "the method does not answer with exactly one plain message"],
  ["raw", "Throw", "", "2", "The function failed (HANDLER_THREW)"],
  ["raw", "NoStatus", "", "13", "the function's answer has no grpc-status (HTTP 200)"],
  ["plain", "Echo", "x", "12", "the function plain implements no service of gRPC"],
])("fails with a code of gRPC: %s, %s, %j", async (service, method, data, code, error) => {
  expect(await ask(service, method, data)).toMatchObject({ text: "", code, error });
});

it("ends a call at its timeout", async () => {
  expect(await ask("raw", "Sleep", "", [["Grpc-Timeout", "200m"]])).toMatchObject({ code: "4" });
});
