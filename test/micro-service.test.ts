import { afterAll, describe, expect, it } from "vitest";
import { headerNames, subjects } from "../contracts/index.ts";
import { createHeaders, headerValue } from "../nats/index.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const source = `
  export default async (request: Request) => {
    if (request.method === "DELETE") throw new Error("no");
    return new Response(request.method + " " + new URL(request.url).pathname + " " + (await request.text()));
  };
`;
const { revision } = await world.push("counter", source);

/** The service's answer to a question of the \`nats\` tool. */
async function ask(verb: "PING" | "INFO" | "STATS") {
  const reply = await world.connection.request(`$SRV.${verb}.counter`, "", { timeoutMs: 2_000 });
  return JSON.parse(reply.text());
}

describe("a function that runs is a NATS Micro service", () => {
  it("tells its name, version and endpoints", async () => {
    await world.call("/counter");
    const { instance } = await world.listed("counter");
    const direct = world.connection.world.toWire(subjects.instanceRequests(instance));
    const calls = world.connection.world.toWire(subjects.serviceCalls("counter", instance));
    const identity = {
      name: "counter",
      version: `1.0.0+${revision.slice(0, 12)}`,
      id: expect.stringMatching(/^\w+$/),
      metadata: { "narun.function": "counter", "narun.revision": revision, "narun.node": "node-0" },
    };
    expect(await ask("PING")).toMatchObject({ type: "io.nats.micro.v1.ping_response", ...identity });
    expect(await ask("INFO")).toMatchObject({
      type: "io.nats.micro.v1.info_response",
      ...identity,
      endpoints: [
        { name: "handler", subject: "counter", queue_group: "q" },
        { name: "direct", subject: direct, queue_group: "q" },
        { name: "calls", subject: calls, queue_group: "q" },
      ],
    });
  });

  it("counts what it took and what failed, by whichever way it came", async () => {
    const counts = async () => {
      const { endpoints } = (await ask("STATS")) as {
        endpoints: { name: string; num_requests: number; num_errors: number; last_error: string }[];
      };
      return Object.fromEntries(endpoints.map((endpoint) => [endpoint.name, endpoint]));
    };
    await world.call("/counter");
    const before = await counts();
    for (let index = 0; index < 5; index++) await world.call("/counter");
    await world.call("/counter", { method: "DELETE" });
    await world.connection.request("counter", "", { timeoutMs: 2_000 });
    const after = await counts();
    expect(after.direct?.num_requests).toBe((before.direct?.num_requests ?? 0) + 6);
    expect(after.direct?.num_errors).toBe((before.direct?.num_errors ?? 0) + 1);
    expect(after.direct?.last_error).toMatch(/^HANDLER_THREW/);
    expect(after.handler).toMatchObject({
      num_requests: (before.handler?.num_requests ?? 0) + 1,
      num_errors: 0,
    });
    const { requests } = await world.listed("counter");
    expect(requests).toBe((after.direct?.num_requests ?? 0) + (after.handler?.num_requests ?? 0));
  });

  it("answers a plain request on its subject: data is a POST, none is a GET", async () => {
    await world.call("/counter");
    const request = (data: string) => world.connection.request("counter", data, { timeoutMs: 2_000 });
    expect((await request("some data")).text()).toBe("POST /counter some data");
    const reply = await request("");
    expect(reply.text()).toBe("GET /counter ");
    expect(headerValue(reply.headers, headerNames.responseStatus)).toBe("200");
  });
});

describe("narun.invoke.<name>", () => {
  it("wakes a function that sleeps", async () => {
    await world.push("sleeper", source);
    expect(await world.ps("sleeper")).toEqual([]);
    const headers = createHeaders([
      [headerNames.method, "PUT"],
      [headerNames.path, "/some/where"],
    ]);
    const reply = await world.connection.request(subjects.invoke("sleeper"), "x", {
      timeoutMs: 10_000,
      headers,
    });
    expect(reply.text()).toBe("PUT /some/where x");
    expect(await world.ps("sleeper")).toHaveLength(1);
  });

  it("answers with the error, and its status, where the function fails", async () => {
    const headers = createHeaders([[headerNames.method, "DELETE"]]);
    const reply = await world.connection.request(subjects.invoke("counter"), "", {
      timeoutMs: 10_000,
      headers,
    });
    expect(headerValue(reply.headers, headerNames.error)).toBe("HANDLER_THREW");
    expect(headerValue(reply.headers, headerNames.serviceErrorCode)).toBe("500");
  });
});
