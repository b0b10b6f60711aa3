import { describe, expect, it } from "vitest";
import { type SlowClient, startSlowClient } from "../gateway/testing/slow-client.ts";
import { eventually } from "./harness/eventually.ts";
import { nothingIsLeft } from "./harness/watched-streams.ts";
import { startWorld, type World } from "./harness/world.ts";

const CHUNKED = ["POST /fn HTTP/1.1", "Transfer-Encoding: chunked"];
const source = "export default async (request) => new Response(String((await request.text()).length))";

/** Clients whose bodies have begun to arrive at the function. */
async function startChunked(world: World, count: number): Promise<SlowClient[]> {
  const clients = await Promise.all(
    Array.from({ length: count }, () => startSlowClient(world.url(""), CHUNKED)),
  );
  for (const client of clients) client.sendChunk("a");
  await eventually(() => {
    const { held = 0, inFlight = 0 } = world.gateway.counts().get("fn") ?? {};
    expect(held + inFlight).toBe(count);
  });
  return clients;
}

describe("clients that send chunks slowly", () => {
  it("keep nobody else from a function whose places they have, and get their answers", async () => {
    await using world = await startWorld();
    await world.push("fn", source, { scale: { max: 1, concurrency: 5 } });
    await world.call("/fn");
    const clients = await startChunked(world, 12);
    for (let n = 0; n < 10; n++) {
      const answer = await world.call("/fn", { method: "POST", body: "x".repeat(n) });
      expect([answer.status, answer.text]).toEqual([200, String(n)]);
      for (const client of clients) client.sendChunk("b");
    }
    // All requests have reached the instance, with a place of their own or a lent one.
    for (const client of clients) client.send("0\r\n\r\n");
    for (const client of clients) expect(await client.statusLine()).toBe("HTTP/1.1 200 OK");
    for (const client of clients) await eventually(() => expect(client.received).toMatch(/\r\n\r\n11$/));
    for (const client of clients) client.close();
    await nothingIsLeft(world);
    expect((await world.call("/fn")).status).toBe(200);
  });

  it("give way where there are too many of them", async () => {
    await using world = await startWorld();
    await world.push("fn", source, { scale: { max: 1, concurrency: 2 } });
    await world.call("/fn");
    const clients = await startChunked(world, 150);
    for (let n = 0; n < 20; n++) expect((await world.call("/fn")).status).toBe(200);
    const ended = () => clients.filter(({ received }) => received !== "");
    await eventually(async () => {
      expect((await world.call("/fn")).status).toBe(200);
      expect(ended().length).toBeGreaterThan(0);
    });
    for (const { received } of ended()) expect(received).toMatch(/^HTTP\/1.1 408 [\s\S]*BODY_TOO_SLOW/);
    for (const client of clients) client.close();
    await nothingIsLeft(world);
  });
});
