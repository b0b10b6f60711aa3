import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { connectNats, type Nats } from "./connection.ts";
import { discoverServices, discoverStats } from "./discovery.ts";
import { registerMicroService } from "./micro-service.ts";

let server: TestNats;
let nats: Nats;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

function register(name: string) {
  return registerMicroService(nats, {
    name,
    version: "1.0.0",
    endpoints: [{ name: "handler", subject: name, handle: (_message, done) => done() }],
    stats: () => ({ inFlight: 3 }),
  });
}

test("finds nothing, at once, where no service is", async () => {
  expect(await discoverServices(nats, { maxWaitMs: 20_000 })).toEqual([]);
});

test("finds every service, those of one name, and their statistics", async () => {
  const services = [register("one"), register("one"), register("two")];
  await nats.flush();
  const found = await discoverServices(nats);
  expect(found.map(({ name }) => name).sort()).toEqual(["one", "one", "two"]);
  expect(new Set(found.map(({ id }) => id)).size).toBe(3);
  expect(await discoverServices(nats, { name: "two" })).toMatchObject([{ id: services[2]?.id }]);
  const stats = await discoverStats(nats, { name: "one" });
  expect(stats).toHaveLength(2);
  expect(stats[0]?.endpoints?.[0]).toMatchObject({ name: "handler", num_requests: 0, data: { inFlight: 3 } });
  for (const service of services) service.close();
});

test("passes over answers that are no service's", async () => {
  const odd = nats.subscribe("$SRV.PING", (message) => message.respond("not JSON"));
  const service = register("proper");
  await nats.flush();
  expect((await discoverServices(nats)).map(({ name }) => name)).toEqual(["proper"]);
  odd.unsubscribe();
  service.close();
});

test("ends with a service that is enough", async () => {
  const services = [register("one"), register("one")];
  await nats.flush();
  const begunAt = performance.now();
  const found = await discoverServices(nats, {
    name: "one",
    ...{ maxWaitMs: 20_000, quietMs: 20_000 },
    isEnough: ({ id }) => services.some((service) => service.id === id),
  });
  expect(found).toHaveLength(1);
  expect(performance.now() - begunAt).toBeLessThan(10_000);
  for (const service of services) service.close();
});

test("ends when all known services have answered", async () => {
  const services = [await register("known"), await register("known")];
  const known = services.map(({ id }) => id).sort();
  const options = { name: "known", maxWaitMs: 20_000, quietMs: 20_000 };
  const found = await discoverStats(nats, { ...options, known });
  expect(found.map(({ id }) => id).sort()).toEqual(known);
  for (const service of services) await service.close();
});

test("refuses a connection that is closed, and leaves no timer behind", async () => {
  const closed = await connectNats({ url: server.url, name: "closed" });
  await closed.close();
  const faults: unknown[] = [];
  const note = (error: unknown) => faults.push(error);
  process.on("uncaughtException", note);
  await expect(discoverServices(closed, { maxWaitMs: 1 })).rejects.toThrow();
  // A timer that was left behind is over before one that begins later.
  await new Promise((resolve) => setTimeout(resolve, 2));
  process.off("uncaughtException", note);
  expect(faults).toEqual([]);
});
