/** `serve` of the package in a program: it registers, answers, streams, drains and sleeps as any program. */
import { fileURLToPath } from "node:url";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, expect, it } from "vitest";
import { createHeaders } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const sdk = fileURLToPath(new URL("../../runtime/serve/narun.ts", import.meta.url));
const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const source = `#!${process.execPath}
const { serve } = await import(${JSON.stringify(sdk)});
const released = Promise.withResolvers();
await serve(async (request) => {
  const url = new URL(request.url);
  if (url.pathname.endsWith("/held")) return released.promise;
  if (url.pathname.endsWith("/release")) released.resolve(new Response("released"));
  if (url.pathname.endsWith("/fail")) throw new Error("a fault of the handler");
  return Response.json(
    { method: request.method, path: url.pathname + url.search, body: await request.text(), url: process.env.NATS_URL },
    { status: 201, headers: { "x-own": "1" } },
  );
}, { service: process.env.NARUN_APP_NAME });
`;

it("serves HTTP by the address in NATS_URL, and ends when it is idle", async () => {
  await world.push(
    "served",
    { "server.mjs": source },
    {
      ...{ mode: "exec", command: "server.mjs" },
      scale: { idleSeconds: 0.5 },
      limits: { startMs: 20_000 },
    },
  );
  // While it has a request it is not idle, however slow the machine is.
  const held = world.call("/served/held");
  await eventually(
    async () =>
      expect(await world.ps("served")).toMatchObject([
        { function: "served", mode: "exec", node: "node-0", inFlight: 1 },
      ]),
    { timeoutMs: 20_000 },
  );
  const answer = await world.call("/served/a?b=c", { method: "POST", body: "x".repeat(100_000) });
  expect(answer).toMatchObject({ status: 201 });
  expect(answer.headers.get("x-own")).toBe("1");
  expect(JSON.parse(answer.text)).toMatchObject({ method: "POST", path: "/served/a?b=c" });
  expect(JSON.parse(answer.text).body).toHaveLength(100_000);
  expect(await world.call("/served/fail")).toMatchObject({ status: 500 });
  expect(await world.call("/served/release")).toMatchObject({ status: 201 });
  expect(await held).toMatchObject({ status: 200, text: "released" });
  expect(await world.announced("served", "gone")).toMatchObject({ reason: "idle" });
  expect(world.statuses("served").map(({ status }) => status)).toEqual([
    ...["starting", "running", "stopping", "stopped"],
  ]);
  const lines = (await world.logs("served")).map(({ message }) => message);
  expect(lines[0]).toContain("a fault of the handler");
  // Nothing but the error and its places: no subject was refused.
  expect(lines.slice(1).filter((line) => !/^ +at /.test(line))).toEqual([]);
}, 60_000);

it("answers binary HTTP in kind", async () => {
  await world.push(
    "binary",
    { "server.mjs": source },
    {
      ...{ mode: "exec", command: "server.mjs" },
      routes: [{ path: "/binary/*", wire: "bhttp" }],
      limits: { startMs: 20_000 },
    },
  );
  const answer = await world.call("/binary/a?b=c", { method: "PUT", body: "hi" });
  expect([answer.status, answer.headers.get("x-own"), JSON.parse(answer.text)]).toMatchObject([
    ...[201, "1", { method: "PUT", path: "/binary/a?b=c", body: "hi" }],
  ]);
}, 60_000);

it("calls the handlers of the triggers in narun.yaml", async () => {
  const { connection } = world.connection;
  await (await jetstreamManager(connection)).streams.add({ name: "JOBS", subjects: ["jobs.>"] });
  const triggered = `#!${process.execPath}
const { serve } = await import(${JSON.stringify(sdk)});
await serve({
  fetch: () => new Response("fetched"),
  scheduled: (event, env) => { console.log("tick " + event.name + " " + env.NAME); },
  queue(batch) {
    for (const message of batch.messages) {
      console.log("job " + message.text() + " " + message.attempts);
      if (message.text() === "again" && message.attempts < 2) message.retry();
    }
  },
}, { service: process.env.NARUN_APP_NAME, env: { NAME: "own" } });
`;
  await world.push(
    "triggered",
    { "server.mjs": triggered },
    {
      ...{ mode: "exec", command: "server.mjs", limits: { startMs: 20_000 } },
      consume: { stream: "JOBS", backoff: { minMs: 10, maxMs: 20 } },
      schedule: [{ name: "pulse", cron: "@every 1s" }],
    },
  );
  for (const text of ["once", "again"]) await jetstream(connection).publish("jobs.x", text);
  await eventually(
    async () => {
      const lines = (await world.logs("triggered")).map(({ message }) => message);
      for (const line of ["job once 1", "job again 1", "job again 2", "tick pulse own"])
        expect(lines).toContain(line);
    },
    { timeoutMs: 30_000 },
  );
  expect(await world.call("/triggered")).toMatchObject({ text: "fetched" });
  // Every client may send to the service's own subject.
  const headers = createHeaders([["narun-trigger", "scheduled"]]);
  const reply = await world.connection.request("triggered", "{}", { headers, timeoutMs: 5_000 });
  expect(reply.text()).toBe("fetched");
}, 90_000);
