/** Any client of NATS wakes a function by a request to its subject. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { decodeBhttpReply, encodeBhttpRequest, headerNames, NO_FIELDS } from "../../contracts/index.ts";
import { removeFunction } from "../../control/index.ts";
import { createHeaders, discoverServices, type Headers, headerValue } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ nodes: 2 });
afterAll(() => world[Symbol.asyncDispose]());

const { connection } = world;
const ask = (subject: string, data = "", headers?: Headers) =>
  connection.request(subject, data, { timeoutMs: 20_000, ...(headers && { headers }) });

const WAIT = { timeoutMs: 20_000 };

/** The function sleeps, and a request to it would be answered. */
const covered = (name: string) =>
  eventually(async () => {
    expect(await world.ps(name)).toEqual([]);
    expect(
      (await ask(name, "", createHeaders([[headerNames.world, "probe"]]))).headers?.get(headerNames.error),
    ).toEqual(["INSTANCE_DRAINING"]);
  }, WAIT);

const ECHO = `export default async (request) => Response.json(
  { method: request.method, url: new URL(request.url).pathname, tag: request.headers.get("x-tag"), text: await request.text() },
  { status: 201, headers: { "x-own": "yes" } });`;

describe("a function that sleeps", () => {
  it("is woken by a plain request, and answers in header mode", async () => {
    await world.push("plain", ECHO);
    await covered("plain");
    const reply = await ask("plain", "hello", createHeaders([["X-Tag", "a"]]));
    expect(JSON.parse(reply.text())).toEqual({ method: "POST", url: "/plain", tag: "a", text: "hello" });
    expect(headerValue(reply.headers, headerNames.responseStatus)).toBe("201");
    expect(headerValue(reply.headers, "X-Own")).toBe("yes");
    expect(await world.ps("plain")).not.toEqual([]);
  });

  it("is woken by a request of the original gateway, and of BHTTP", async () => {
    await world.push("modes", ECHO, { scale: { idleSeconds: 0.3 } });
    await covered("modes");
    const original = createHeaders([
      [headerNames.method, "PUT"],
      [headerNames.path, "/a b"],
      [headerNames.query, "x=1"],
      [headerNames.host, "there.example"],
    ]);
    expect(JSON.parse((await ask("modes", "x", original)).text())).toMatchObject({
      method: "PUT",
      url: "/a%20b",
    });
    await covered("modes");
    const facts = {
      ...({ method: "PATCH", rawPath: "/b", query: "", host: "there.example", scheme: "http" } as const),
      fields: ["x-tag", "b"],
    };
    const encoded = encodeBhttpRequest(facts, Buffer.from("body"));
    if (!encoded.ok) throw new Error(encoded.code);
    const bhttp = createHeaders([["Content-Type", "application/bhttp"]]);
    const reply = await connection.request("modes", encoded.data, { timeoutMs: 20_000, headers: bhttp });
    const decoded = decodeBhttpReply(reply.data, { names: "lower", omitted: NO_FIELDS });
    if (!decoded.ok) throw new Error(decoded.why);
    const { status, content } = decoded.message;
    expect([status, JSON.parse(Buffer.from(content).toString())]).toEqual([
      201,
      { method: "PATCH", url: "/b", tag: "b", text: "body" },
    ]);
  });

  it("keeps to the limits and the codes of HTTP", async () => {
    await world.push("bounded", `export default () => new Promise(() => undefined);`, {
      limits: { timeoutMs: 700, maxBodyBytes: 10 },
    });
    await covered("bounded");
    const large = await ask("bounded", "x".repeat(11));
    expect(headerValue(large.headers, headerNames.responseStatus)).toBe("413");
    expect(JSON.parse(large.text())).toMatchObject({ code: "BODY_TOO_LARGE", status: 413 });
    // A machine that is busy may take longer for the start alone.
    await eventually(
      async () =>
        expect(JSON.parse((await ask("bounded")).text())).toMatchObject({
          code: "DEADLINE_EXCEEDED",
          status: 504,
        }),
      WAIT,
    );
  }, 60_000);

  it("keeps to the deadline of its caller", async () => {
    // Its own limit is beyond the wait of the client.
    await world.push("patient", `export default () => new Promise(() => undefined);`);
    await covered("patient");
    const soon = await ask("patient", "", createHeaders([[headerNames.deadline, String(Date.now() + 50)]]));
    expect(headerValue(soon.headers, headerNames.error)).toMatch(/DEADLINE_EXCEEDED|NO_CONSUMER/);
  });

  it("is not taken for a consumer by gateways", async () => {
    await world.push("asleep", ECHO);
    await covered("asleep");
    expect((await discoverServices(connection, { name: "asleep" })).map(({ name }) => name)).toEqual([]);
    expect(await world.call("/asleep")).toMatchObject({ status: 201 });
  });

  it("does not let a client call the handlers of triggers", async () => {
    await world.push(
      "guarded",
      `export default { fetch: () => new Response("fetch"), scheduled: () => "ran" };`,
    );
    await covered("guarded");
    const headers = createHeaders([[headerNames.trigger, "scheduled"]]);
    expect((await ask("guarded", "{}\n", headers)).text()).toBe("fetch");
    expect((await ask("guarded", "{}\n", headers)).text()).toBe("fetch");
  });

  it("has no subscriber when it is removed", async () => {
    await world.push("removed", ECHO);
    await covered("removed");

    await removeFunction(connection, "removed");
    await eventually(() => expect(ask("removed")).rejects.toMatchObject({ reason: "no-responders" }));
  });
});

describe("requests while instances come and go", () => {
  it("are answered once each: none is lost, none runs twice", async () => {
    const source = `export default async (request) => {
      const text = await request.text();
      console.log("run " + text);
      return new Response(text);
    };`;
    await world.push("counted", source, { scale: { idleSeconds: 0.1 } });
    await covered("counted");
    const refused: string[] = [];
    let sent = 0;
    const askAfter = async (pauseMs: number) => {
      await sleep(pauseMs);
      const text = String(sent++);
      await ask("counted", text).then(
        (reply) => expect(reply.text()).toBe(text),
        (error: unknown) => refused.push(String(error)),
      );
    };
    const drains = () => world.announcements("counted").filter(({ state }) => state === "draining").length;
    // A round pauses for about as long as the function stays: its requests meet a drain, a start, or neither. Clients
    // that pause each for itself could keep the function awake for good.
    for (let round = 0; drains() < 8; round++) {
      const pauseMs = 90 + ((round * 7) % 40);
      await Promise.all([pauseMs, pauseMs + 3, pauseMs + 6].map(askAfter));
    }
    expect(refused).toEqual([]);
    await eventually(async () => {
      const runs = (await world.logs("counted")).map(({ message }) => message);
      expect(runs.sort()).toEqual(Array.from({ length: sent }, (_, at) => `run ${at}`).sort());
    });
  });
});
