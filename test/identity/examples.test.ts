/** Every example in a closed network, over NATS alone: each kind of function works with the least rights. */
import { once } from "node:events";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Nats } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type ClosedWorld, startClosedWorld } from "./closed-world.ts";

const EXAMPLES = join(import.meta.dirname, "../../functions/examples");

let world: ClosedWorld;
let operator: Nats;
beforeAll(async () => {
  const options = [
    "--short-path",
    "off",
    "--log-level",
    "info",
    "--mcp",
    "local",
    "--runtara-http",
    "127.0.0.1:0",
  ];
  world = await startClosedWorld({}, EXAMPLES, ...options);
  operator = await world.connect("cli");
}, 120_000);
afterAll(() => world?.[Symbol.asyncDispose]());

const call = (path: string, init?: RequestInit) => fetch(world.http + path, init);
const text = async (path: string, init?: RequestInit) => (await call(path, init)).text();
const json = async (path: string, init?: RequestInit) => (await call(path, init)).json() as Promise<unknown>;
const post = (value: unknown) => ({
  ...{ method: "POST", body: JSON.stringify(value) },
  headers: { "content-type": "application/json" },
});

async function command(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await world.narun("cli", args);
  expect({ args, code }, stderr).toMatchObject({ code: 0 });
  return stdout;
}

it("all are pushed", async () => {
  expect(JSON.parse((await world.up.shows(/^\{"http".*\}$/m))[0]).failed).toEqual([]);
});

it("values, objects, streams and sockets", async () => {
  expect(await json("/counter/a")).toEqual({ path: "/counter/a", count: 1 });
  const body = Buffer.alloc(3_000_000, "narun");
  expect((await call("/files/a.bin", { method: "PUT", body })).status).toBe(201);
  expect(body.equals(await (await call("/files/a.bin")).bytes())).toBe(true);
  expect((await text("/gzip", { method: "POST", body: "all work".repeat(90_000) })).length).toBeGreaterThan(
    100,
  );
  const socket = new WebSocket(`${world.http.replace("http:", "ws:")}/chat`);
  const [said] = (await once(socket, "message")) as [Buffer];
  expect(said.toString()).toBe("somebody came, 1 are here");
  socket.close();
});

it("programs and gRPC", async () => {
  expect(await text("/fortune?n=0")).toBe("A program that sleeps costs nothing.");
  expect(await json("/greetings/Ada?language=LANGUAGE_GERMAN")).toEqual({ text: "Guten Tag, Ada!" });
});

it("services, events and tools", async () => {
  const book = { id: "moby", title: "Moby-Dick" };
  expect(await json("/library/moby", { ...post({ title: "Moby-Dick" }), method: "PUT" })).toEqual(book);
  const reply = await operator.request("library.get", '{"id":"moby"}', { timeoutMs: 20_000 });
  expect(JSON.parse(reply.text())).toEqual(book);
  await call("/stock.set", post({ item: "apple", left: 2 }));
  await eventually(async () => expect(await json("/stock.orders")).toEqual(["apple"]), { timeoutMs: 30_000 });
  const { body } = await call("/events/stock.level.apple?since=last");
  const reader = body?.getReader();
  let seen = "";
  while (!seen.includes("data:")) seen += Buffer.from((await reader?.read())?.value ?? []).toString();
  expect(seen).toContain('"subject":"stock.level.apple"');
  await reader?.cancel();
  expect(await command("services", "ls")).toContain("library");
  expect(await command("events", "ls")).toContain("stock.level");
  const { key } = JSON.parse(await command("mcp", "add", "assistant", "--allow", "*", "--json"));
  const client = new Client({ name: "test", version: "1.0.0" });
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  await eventually(
    () => client.connect(new StreamableHTTPClientTransport(new URL("/mcp", world.http), { requestInit })),
    {
      timeoutMs: 20_000,
    },
  );
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(expect.arrayContaining([]));
  await client.close();
}, 90_000);

it("messages, queues and dead letters", async () => {
  const rung = await operator.request("doorbell.ring", "Ada", { timeoutMs: 20_000 });
  expect(rung.text()).toBe("Ada is at the door (doorbell.ring)");
  const manager = await jetstreamManager(operator.connection);
  await manager.streams.add({ name: "PARCELS", subjects: ["parcels.>"] });
  for (const parcel of ["a book", "glass"])
    await jetstream(operator.connection).publish("parcels.new", parcel);
  await eventually(
    async () => {
      expect(await json("/parcels")).toEqual(["a book"]);
      expect(await command("dlq", "ls")).toContain("parcels");
    },
    { timeoutMs: 30_000 },
  );
}, 60_000);

it("schedules, accepted calls and workflows", async () => {
  expect(await command("schedule", "run", "digest")).toContain("Good morning");
  const accepted = await call("/report", { method: "POST", body: "three long pages" });
  const location = accepted.headers.get("location") ?? "";
  expect(await json(location, { headers: { prefer: "wait=30" } })).toEqual({ words: 3, attempt: 1 });
  expect((await call("/orders/o1", post({ item: "book" }))).status).toBe(202);
  await call("/orders/o1/signals/approved", post(true));
  expect(await json("/orders/o1/result?wait=30")).toEqual({ state: "shipped", item: "book" });
}, 60_000);

it("and no server refused a subject to any of them", () => {
  const refusals = world.up.stderr.split("\n").filter((line) => line.includes("NATS_PERMISSIONS_VIOLATION"));
  expect(refusals).toEqual([]);
});
