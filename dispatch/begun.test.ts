/** Requests whose instance ends while they are on their way to it. A request that no handler began is never lost. */
import { describe, expect, it } from "vitest";
import { call } from "../gateway/testing/http-client.ts";
import { connectBySlowLink } from "../gateway/testing/slow-link.ts";
import { REVISION, specOf, startGatewayWorld } from "../gateway/testing/world.ts";
import { eventually } from "../test/harness/eventually.ts";

/** A gateway whose requests can be stopped on their way, and an instance that it knows. */
async function startSlowWorld() {
  const closers = new AsyncDisposableStack();
  const world = closers.use(await startGatewayWorld({ specs: [specOf("fn")] }));
  const link = closers.use(await connectBySlowLink(world.server.port));
  const gateway = await world.startGateway({ nats: link.nats });
  closers.defer(() => gateway.close());
  const node = await world.startNode();
  const heard = Promise.withResolvers<void>();
  link.nats.subscribe("test.mark", () => heard.resolve());
  const first = await node.start("fn", { revision: REVISION });
  await eventually(async () => expect((await call(`${gateway.httpUrl}/fn`)).status).toBe(200));
  return {
    gateway,
    link,
    node,
    first,
    /** Resolves when the gateway has received all earlier messages of the node. */
    async heard() {
      node.nats.publish("test.mark", "");
      await heard.promise;
    },
    [Symbol.asyncDispose]: () => closers.disposeAsync(),
  };
}

const post = (url: string) => call(`${url}/fn`, { method: "POST", body: "x" });

describe("a POST that is still on its way to NATS", () => {
  it.each([
    { end: "falls asleep", finish: "drain" },
    { end: "dies", finish: "crash" },
  ] as const)("when its instance $end goes to the next", async ({ finish }) => {
    await using world = await startSlowWorld();
    const { gateway, link, node, first } = world;
    link.hold();
    const pending = post(gateway.httpUrl);
    await eventually(() => expect(gateway.counts().get("fn")).toEqual({ held: 0, inFlight: 1 }));
    await first[finish]();
    await world.heard();
    const next = await node.start("fn", { revision: REVISION });
    link.release();
    expect((await pending).status).toBe(200);
    expect([first.taken.length, next.taken.length]).toEqual([1, 1]);
  });
});
