import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHeaders, headerNames, subjects } from "../../contracts/index.ts";
import type { Message } from "../../nats/index.ts";
import type { PeerHandler } from "../testing/peer-node.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

let world: GatewayWorld;
let taken: Message;
const handler: PeerHandler = (message) => {
  taken = message;
  return {
    data: message.data,
    headers: [
      ["X-Response-Status-Code", "201"],
      ["X-Mine", "1"],
    ],
  };
};

beforeAll(async () => {
  world = await startGatewayWorld({ specs: [specOf("fn")] });
  await world.startNode({
    onDemand(_demand, node) {
      void node.start("fn", { revision: REVISION, id: "woken", handler });
      return { outcome: "starting", instance: "woken" };
    },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const invokeIn = ({ nats }: GatewayWorld, service: string, data: string, fields: [string, string][] = []) =>
  nats.request(subjects.invoke(service), data, { timeoutMs: 10_000, headers: createHeaders(fields) });
const invoke = (service: string, data: string, fields?: [string, string][]) =>
  invokeIn(world, service, data, fields);

describe("a request over NATS", () => {
  it("wakes the function and brings its reply as it is", async () => {
    const reply = await invoke("fn", "ping");
    expect(reply.text()).toBe("ping");
    expect(reply.headers?.get("X-Response-Status-Code")).toEqual(["201"]);
    expect(reply.headers?.get("X-Mine")).toEqual(["1"]);
  });

  it("is a POST with data, a GET without, to the function's own path", async () => {
    await invoke("fn", "data");
    expect(taken.headers?.get(headerNames.method)).toEqual(["POST"]);
    expect(taken.headers?.get(headerNames.path)).toEqual(["/fn"]);
    await invoke("fn", "");
    expect(taken.headers?.get(headerNames.method)).toEqual(["GET"]);
  });

  it("is what its headers say", async () => {
    await invoke("fn", "data", [
      [headerNames.method, "PUT"],
      [headerNames.path, "/fn/x"],
      [headerNames.requestId, "mine"],
      ["X-Tag", "one"],
    ]);
    expect(taken.headers?.get(headerNames.method)).toEqual(["PUT"]);
    expect(taken.headers?.get(headerNames.rawPath)).toEqual(["/fn/x"]);
    expect(taken.headers?.get(headerNames.requestId)).toEqual(["mine"]);
    expect(taken.headers?.get("X-Tag")).toEqual(["one"]);
  });

  it("is waited for as long as its sender says is left, whatever time of day that one has", async () => {
    const absurd = String(Date.now() - 3_600_000);
    const reply = await invoke("fn", "ping", [
      [headerNames.deadline, absurd],
      [headerNames.timeout, "9000"],
    ]);
    expect(reply.text()).toBe("ping");
    expect(Number(taken.headers?.get(headerNames.timeout)?.[0])).toBeLessThanOrEqual(9_000);
    expect(Number(taken.headers?.get(headerNames.deadline)?.[0])).toBeGreaterThan(Date.now());
  });

  it("fails as HTTP and as NATS Micro where nothing can run the function", async () => {
    // Its hold is too short for an instance to start. No node is there.
    await using empty = await startGatewayWorld({
      specs: [specOf("nobody")],
      gateway: { hold: { holdMs: 50 } },
    });
    const reply = await invokeIn(empty, "nobody", "");
    expect(reply.headers?.get("X-Response-Status-Code")).toEqual(["503"]);
    expect(reply.headers?.get("Nats-Service-Error-Code")).toEqual(["503"]);
    expect(reply.headers?.get("Narun-Error")).toEqual(["NO_CONSUMER"]);
    expect(JSON.parse(reply.text())).toMatchObject({ code: "NO_CONSUMER", status: 503 });
    // The lowest byte of the first character is a carriage return.
    const other = await invokeIn(empty, "nobody", "", [[headerNames.requestId, "\u010d1"]]);
    expect(other.headers?.get("Narun-Error")).toEqual(["NO_CONSUMER"]);
    expect(JSON.parse(other.text()).requestId).toMatch(/^[0-9a-f-]{36}$/);
  });
});
