import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { describe, expect, it } from "vitest";
import { createHeaders } from "../../contracts/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { call } from "../testing/http-client.ts";
import { REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

describe("what follows a request in frames", () => {
  it("is an answer of HTTP: a service's switch of protocols is none", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("switch")] });
    const node = await world.startNode();
    const headers: [string, string][] = [["X-Response-Status-Code", "101"]];
    await node.start("switch", { revision: REVISION, handler: () => ({ headers }) });
    expect(await call(`${world.url}/switch`)).toMatchObject({ status: 502 });
    headers.push(["Narun-Stream", "x"]);
    expect(await call(`${world.url}/switch`)).toMatchObject({ status: 502 });
  });

  it("is told to the instance when nobody waits for its answer any more", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("slow", { limits: { timeoutMs: 200 } })] });
    const node = await world.startNode();
    await node.start("slow", { id: "one", revision: REVISION, handler: () => new Promise(() => undefined) });
    const heard: (string | undefined)[] = [];
    node.nats.subscribe("narun.s.one.>", ({ headers }) => void heard.push(headers?.get("Narun-Frame")?.[0]));
    await node.nats.flush();
    expect(await call(`${world.url}/slow`)).toMatchObject({ status: 504 });
    await eventually(() => expect(heard).toEqual(["cancel DEADLINE_EXCEEDED"]));
  });

  it("is what the gateway says, whatever a client calls its trailers", async () => {
    await using world = await startGatewayWorld({ specs: [specOf("up")] });
    const node = await world.startNode();
    const frames: string[] = [];
    const trailers: string[] = [];
    node.nats.subscribe("narun.s.one.>", ({ headers }) => {
      frames.push(headers?.get("Narun-Frame")?.join() ?? "");
      trailers.push(...(headers?.keys() ?? []));
    });
    await node.start("up", {
      id: "one",
      revision: REVISION,
      handler: async (message) => {
        message.respond("", createHeaders([["Narun-Frame", "credit 1000000"]]));
        await eventually(() => expect(frames.at(-1)).toMatch(/^end/));
        return {};
      },
    });
    const sent = request(`${world.url}/up`, { method: "POST", agent: false });
    sent.setHeader("Trailer", "Narun-Frame, X-Sum");
    sent.write(Buffer.alloc(100_000));
    sent.addTrailers([
      ["Narun-Frame", "data 99"],
      ["X-Sum", "42"],
    ]);
    sent.end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(200);
    expect([...new Set(trailers)].toSorted()).toEqual(["Narun-Frame", "X-Sum"]);
  });
});
