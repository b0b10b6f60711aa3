/** Other functions and subjects of NATS in `env`, through the whole system. */
import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startForeignService } from "../harness/foreign-service.ts";
import { createProbes } from "../harness/probe.ts";
import { startWorld } from "../harness/world.ts";

// A call to a function without an instance fails soon, and an instance still has more than enough time to start.
const world = await startWorld({ gateway: { hold: { holdMs: 5_000 } } });
afterAll(() => world[Symbol.asyncDispose]());
const run = createProbes(world);

describe("a service", () => {
  const bindings = [{ name: "USERS", service: "users" }];
  const echo = `
    export default async (request: Request) =>
      Response.json(
        { method: request.method, url: request.url, body: await request.text(), kept: request.headers.get("x-kept") },
        { status: 201, headers: { "x-answer": "yes", "set-cookie": "a=1" } },
      );
  `;

  it("is called with no HTTP in between, and woken for it", async () => {
    await world.push("users", echo);
    const found = await run(
      `const response = await env.USERS.fetch("/users/7?x=%20", { method: "PUT", body: "héllo", headers: { "x-kept": "é" } });
       return [response.status, response.headers.get("x-answer"), response.headers.getSetCookie(), await response.json()];`,
      bindings,
    );
    expect(found).toEqual([
      201,
      "yes",
      ["a=1"],
      { method: "PUT", url: "http://users/users/7?x=%20", body: "héllo", kept: "é" },
    ]);
  });

  it("takes the request that came", async () => {
    const found = await run(`return (await env.USERS.fetch(request)).json()`, bindings);
    expect(found).toMatchObject({
      method: "POST",
      body: "the body",
      url: expect.stringMatching(/\/probe-\d+$/),
    });
  });

  it("gets its cookies in one line, also where narun does not run it", async () => {
    await world.push("cookies", `export default (request) => new Response(request.headers.get("cookie"));`);
    await using foreign = await startForeignService({ url: world.nats.url, name: "tastes", answer: "" });
    const found = await run(
      `const headers = [["cookie", "a=1"], ["cookie", "b=2"]];
       await env.TASTES.fetch("/", { headers });
       return (await env.COOKIES.fetch("/", { headers })).text();`,
      [
        { name: "COOKIES", service: "cookies" },
        { name: "TASTES", service: "tastes" },
      ],
    );
    expect(found).toBe("a=1; b=2");
    expect(foreign.taken[0]?.headers.Cookie).toBe("a=1; b=2");
  });

  it("gets the request's id, and the time that is left to it", async () => {
    const facts = `export default (request, env, ctx) => Response.json([ctx.requestId, ctx.deadline]);`;
    await world.push("facts", facts);
    const caller = `
      export default async (request, env, ctx) => {
        const left = ctx.deadline - Date.now();
        const [requestId, deadline] = await (await env.FACTS.fetch("/")).json();
        return Response.json([requestId === ctx.requestId, deadline <= Date.now() + left]);
      };
    `;
    await world.push("asks-facts", caller, {
      bindings: [{ name: "FACTS", service: "facts" }],
      limits: { timeoutMs: 10_000 },
    });
    const answer = await world.call("/asks-facts");
    expect(JSON.parse(answer.text)).toEqual([true, true]);
  });

  it("answers with a problem where the platform cannot", async () => {
    const call = `const response = await env.OTHER.fetch("/");
      return [response.status, response.headers.get("content-type"), (await response.json()).code];`;
    const problem = "application/problem+json";
    const missing = run(call, [{ name: "OTHER", service: "no-such-service" }]);
    await world.push("throws", `export default () => { throw new Error("secret detail"); };`);
    const threw = run(call, [{ name: "OTHER", service: "throws" }]);
    expect(await Promise.all([missing, threw])).toEqual([
      [503, problem, "NO_CONSUMER"],
      [500, problem, "HANDLER_THREW"],
    ]);
  });

  it("streams both ways what is larger than a message, and than the functions' memory", async () => {
    const limits = { memoryMb: 32, cpuMs: 5_000 };
    await world.push("mirror", "export default (request) => new Response(request.body);", { limits });
    const found = await run(
      `const MIB = 1024 * 1024;
       let sent = 0;
       const body = new ReadableStream({
         pull(controller) {
           if (sent === 48) return controller.close();
           controller.enqueue(new Uint8Array(MIB).fill(sent++));
         },
       });
       const response = await env.MIRROR.fetch("/", { method: "POST", body, duplex: "half" });
       let received = 0, isRight = true;
       for await (const chunk of response.body) {
         isRight &&= chunk[0] === Math.floor(received / MIB);
         received += chunk.byteLength;
       }
       return [response.status, received / MIB, isRight];`,
      [{ name: "MIRROR", service: "mirror" }],
      { limits },
    );
    expect(found).toEqual([200, 48, true]);
  });

  it("hears when whoever called it stops waiting", async () => {
    const waiting = `
      let heard = "nothing";
      export default (request) => {
        if (request.method === "POST") return new Response(heard);
        request.signal.addEventListener("abort", () => { heard = "abort"; });
        return new Promise(() => {});
      };
    `;
    await world.push("waiting", waiting, { limits: { timeoutMs: 2_000 } });
    const found = await run(
      `const controller = new AbortController();
       const call = env.WAITING.fetch("/", { signal: controller.signal });
       setTimeout(() => controller.abort(), 100);
       await call.catch(() => undefined);
       let heard = "";
       for (let i = 0; i < 100 && heard !== "abort"; i++) {
         heard = await (await env.WAITING.fetch("/", { method: "POST" })).text();
       }
       return heard;`,
      [{ name: "WAITING", service: "waiting" }],
    );
    expect(found).toBe("abort");
  });

  it("that calls itself ends after 16 calls", async () => {
    const source = `
      export default async (request, env) => {
        const response = await env.SELF.fetch("/");
        if (response.status !== 508) return new Response(String(Number(await response.text()) + 1));
        return new Response((await response.json()).code === "SERVICE_LOOP" ? "1" : "wrong");
      };
    `;
    await world.push("loop", source, { bindings: [{ name: "SELF", service: "loop" }] });
    expect(await world.call("/loop")).toMatchObject({ status: 200, text: "17" });
  });

  it("is not waited for any longer once its signal aborts", async () => {
    await world.push("slow", `export default () => new Promise(() => {});`, { limits: { timeoutMs: 1_000 } });
    const found = await run(
      `const controller = new AbortController();
       const call = env.SLOW.fetch("/", { signal: controller.signal });
       setTimeout(() => controller.abort(new Error("enough")), 20);
       await call;`,
      [{ name: "SLOW", service: "slow" }],
    );
    expect(found).toEqual({ name: "Error", message: "enough" });
  });
});

describe("publish", () => {
  const bindings = [{ name: "EVENTS", publish: ["orders.>", "stock.*.changed"] }];

  it("sends messages to the declared subjects", async () => {
    const got: unknown[] = [];
    const subscription = world.connection.subscribe("orders.>", (message) =>
      got.push([message.subject, message.text(), message.headers?.get("X-Kind")]),
    );
    await world.connection.flush();
    await run(
      `await env.EVENTS.publish("orders.new", { id: 7 }, { "X-Kind": "order" }); await env.EVENTS.publish("orders.a.b");`,
      bindings,
    );
    await eventually(() =>
      expect(got).toEqual([
        ["orders.new", '{"id":7}', ["order"]],
        ["orders.a.b", "", undefined],
      ]),
    );
    subscription.unsubscribe();
  });

  it("asks and gets the reply", async () => {
    const subscription = world.connection.subscribe("stock.apple.changed", (message) =>
      message.respond(`${message.text()}!`, new Map([["X-By", ["test"]]])),
    );
    await world.connection.flush();
    const found = await run(
      `const reply = await env.EVENTS.request("stock.apple.changed", "hi");
       return [reply.text(), reply.headers["X-By"]];`,
      bindings,
    );
    expect(found).toEqual(["hi!", "test"]);
    subscription.unsubscribe();
  });

  it("sends and gets large messages", async () => {
    const subscription = world.connection.subscribe("orders.large", (message) =>
      message.respond(Buffer.concat([message.data, message.data])),
    );
    await world.connection.flush();
    const found = await run(
      `const sent = new Uint8Array(1_000_000).fill(9);
       await env.EVENTS.publish("orders.unheard", sent);
       const bytes = (await env.EVENTS.request("orders.large", sent)).bytes();
       return [bytes.length, bytes.every((byte) => byte === 9)];`,
      bindings,
    );
    expect(found).toEqual([2_000_000, true]);
    subscription.unsubscribe();
  });

  it.each([
    ["orders", "BindingError"],
    ["stock.changed", "BindingError"],
    ["stock.a.b.changed", "BindingError"],
    ["narun.node.x", "BindingError"],
    ["$JS.API.STREAM.DELETE.KV_app-configs", "BindingError"],
    ["orders.*", "TypeError"],
    ["orders.>", "TypeError"],
    ["orders..x", "TypeError"],
    ["orders.a b", "TypeError"],
  ])("refuses the subject %s", async (subject, name) => {
    const found = await run(`await env.EVENTS.publish(${JSON.stringify(subject)}, "x")`, bindings);
    expect(found).toMatchObject({ name });
  });

  it("refuses an option that it does not have", async () => {
    const call = `return env.EVENTS.request("orders.x", "", { timeout: 5 }).catch((error) => error.message)`;
    expect(await run(call, bindings)).toBe(
      'PUBLISHER.request has no option "timeout": it has timeoutMs, headers; did you mean "timeoutMs"?',
    );
  });

  it("refuses headers that are narun's own, and tells when nobody replies", async () => {
    const found = await run(
      `const said = [];
       for (const headers of [{ "Narun-Hops": "0" }, { "a\\nb": "c" }, { "Nats-TTL": "1s" }])
         await env.EVENTS.publish("orders.x", "", headers).catch((error) => said.push(error.name));
       await env.EVENTS.request("orders.nobody").catch((error) => said.push(error.message));
       return said;`,
      bindings,
    );
    expect(found).toEqual(["TypeError", "TypeError", "TypeError", '"orders.nobody": no subscriber']);
  });
});
