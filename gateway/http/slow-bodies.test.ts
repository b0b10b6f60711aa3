import { describe, expect, it } from "vitest";
import { headerNames } from "../../contracts/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { call } from "../testing/http-client.ts";
import type { PeerReply } from "../testing/peer-node.ts";
import { type SlowClient, startSlowClient } from "../testing/slow-client.ts";
import { REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

const announce = (length: number) => ["POST /fn HTTP/1.1", `Content-Length: ${length}`];
const startMany = (count: number, url: string, head: string[]) =>
  Promise.all(Array.from({ length: count }, () => startSlowClient(url, head)));

describe("a body of known length that comes slowly", () => {
  it("has no place at an instance before it is whole", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    const instance = await node.start("fn", {
      revision: REVISION,
      concurrency: 2,
      handler: ({ headers, data }): PeerReply | Promise<PeerReply> =>
        // A request whose body follows in frames would keep its place for ever.
        headers?.has(headerNames.body) ? new Promise(() => undefined) : { data: String(data.length) },
    });
    const slow = await startMany(60, world.url, announce(1_000));
    for (const client of slow) client.send("a");
    for (let n = 0; n < 50; n++) expect((await call(`${world.url}/fn`)).text).toBe("0");
    expect(world.gateway.counts().size).toBe(0);
    expect(instance.taken).toHaveLength(50);
    for (const client of slow) client.send("b".repeat(999));
    for (const client of slow) expect(await client.statusLine()).toBe("HTTP/1.1 200 OK");
    expect(instance.taken.slice(50).map(({ data }) => data.length)).toEqual(Array(60).fill(1_000));
    expect(instance.mostInFlight).toBeLessThanOrEqual(2);
    for (const client of slow) client.close();
  });

  it("is put together again, however small the pieces are", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn")] });
    const node = await world.startNode();
    await node.start("fn", { revision: REVISION, handler: ({ data }) => ({ data: data.slice() }) });
    const text = Array.from({ length: 300 }, (_, n) => String(n)).join(" ");
    const client = await startSlowClient(world.url, announce(text.length));
    for (const piece of text.match(/.{1,7}/gs) ?? []) {
      client.send(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.statusLine();
    await eventually(() => expect(client.received.endsWith(text)).toBe(true));
    client.close();
  });

  it("is refused where too many wait already, and its connection is closed", async () => {
    await using world = await startGatewayWorld({
      specs: [specOf("fn")],
      gateway: { hold: { maxRequestsPerService: 2 } },
    });
    const node = await world.startNode();
    await node.start("fn", { revision: REVISION });
    const slow = await startMany(3, world.url, announce(1_000));
    const line = await Promise.race(slow.map((client: SlowClient) => client.statusLine()));
    expect(line).toMatch(/^HTTP\/1.1 4(08|29) /);
    const refused = slow.find(({ received }) => received !== "");
    expect(refused?.received).toContain("Connection: close");
    expect((await call(`${world.url}/fn`, { method: "POST", body: "fast" })).status).toBe(200);
    for (const client of slow) client.close();
  });

  it("is given up when it takes longer than a stream may", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("fn", { limits: { streamMs: 100 } })] });
    const client = await startSlowClient(world.url, announce(1_000));
    expect(await client.statusLine()).toMatch(/^HTTP\/1.1 408 /);
    await eventually(() => expect(client.received).toContain("STREAM_LIMIT"));
    client.close();
  });
});
