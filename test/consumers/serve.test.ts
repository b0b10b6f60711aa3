/** `serve`: a handler in a process of the user's, behind the gateway, without a deployment. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { afterAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { readBhttpResponse, writeBhttpRequest } from "../../contracts/wire/bhttp.ts";
import { listFunctions } from "../../control/index.ts";
import { workflow } from "../../functions/sdk/index.ts";
import { createHeaders } from "../../nats/index.ts";
import { type ServeOptions, serve, upgradeWebSocket } from "../../runtime/serve/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ nodes: 0 });
afterAll(() => world[Symbol.asyncDispose]());

/** A busy machine takes long to start a process. */
const SLOW = { timeoutMs: 25_000 };

const quiet = { signals: false, onError: () => undefined } satisfies Partial<ServeOptions>;
const here = (service: string, more: Partial<ServeOptions> = {}): ServeOptions => ({
  service,
  nats: world.nats.url,
  ...quiet,
  ...more,
});

describe("a Hono app that is served", () => {
  const app = new Hono<{ Bindings: { NAME: string } }>().basePath("/orders");
  app.get("/", (c) => c.text(`orders of ${c.env.NAME}`));
  app.post("/:id", async (c) => c.json({ id: c.req.param("id"), body: await c.req.json() }, 201));
  app.get("/events", (c) =>
    streamSSE(c, async (stream) => {
      for (let at = 0; at < 3; at += 1) await stream.writeSSE({ data: String(at) });
    }),
  );

  it("answers the paths below its name, with its status and fields", async () => {
    await using _consumer = await serve(app, here("orders", { env: { NAME: "Ada" } }));
    await eventually(async () =>
      expect(await world.call("/orders")).toMatchObject({ status: 200, text: "orders of Ada" }),
    );
    const made = await world.call("/orders/7", { method: "POST", body: '{"a":1}' });
    expect(made).toMatchObject({ status: 201, text: '{"id":"7","body":{"a":1}}' });
    expect(await world.call("/orders/events")).toMatchObject({ text: "data: 0\n\ndata: 1\n\ndata: 2\n\n" });
    expect(await world.call("/orders/none")).toMatchObject({ status: 404 });
  });
});

describe("a consumer", () => {
  it("is refused with handlers that nothing would call, and with a workflow", async () => {
    const fetch = () => new Response("served");
    await expect(
      serve({ fetch, scheduled: () => 1, message: () => 1 } as never, here("untriggered")),
    ).rejects.toThrow("nothing calls scheduled, message of untriggered");
    const flow = workflow(async () => 1);
    await expect(serve(flow, here("flow"))).rejects.toThrow("flow is a workflow");
    expect(await world.call("/untriggered")).toMatchObject({ status: 404 });
    await using _consumer = await serve({ fetch }, here("untriggered"));
    await eventually(async () => expect(await world.call("/untriggered")).toMatchObject({ text: "served" }));
  });

  it("answers a request that came before it joined", async () => {
    {
      await using _first = await serve(() => new Response("first"), here("late"));
      await eventually(async () => expect(await world.call("/late")).toMatchObject({ text: "first" }));
    }
    const early = world.call("/late");
    await eventually(() => expect(world.gateway.counts().get("late")).toMatchObject({ held: 1 }));
    await using _second = await serve(() => new Response("second"), here("late"));
    expect(await early).toMatchObject({ status: 200, text: "second" });
  });

  it("streams bodies of any size both ways", async () => {
    const handle = (request: Request) => new Response(request.body, { headers: { "x-kind": "copy" } });
    await using _consumer = await serve(handle, here("copy"));
    const data = Buffer.alloc(3 * 1024 * 1024, "narun");
    await eventually(async () => expect(await world.call("/copy")).toMatchObject({ status: 200 }));
    const answer = await world.fetch("/copy", { method: "POST", body: data });
    expect(answer.headers.get("x-kind")).toBe("copy");
    expect(Buffer.from(await answer.arrayBuffer()).equals(data)).toBe(true);
  });

  it("counts its requests and errors as a NATS Micro service, and is an instance in `narun ps`", async () => {
    const handle = (request: Request) => {
      if (request.method === "DELETE") throw new Error("no");
      return new Response("yes");
    };
    await using consumer = await serve(handle, here("counts", { version: "2.1.0", metadata: { team: "a" } }));
    await eventually(async () => expect(await world.call("/counts")).toMatchObject({ text: "yes" }));
    expect(await world.call("/counts", { method: "DELETE" })).toMatchObject({
      status: 500,
      code: "HANDLER_THREW",
    });
    const reply = await world.connection.request("$SRV.STATS.counts", "", { timeoutMs: 2_000 });
    expect(JSON.parse(reply.text())).toMatchObject({
      version: "2.1.0",
      metadata: { team: "a", "narun.instance": consumer.instance },
      endpoints: [
        { name: "handler", queue_group: "q" },
        { name: "direct", num_errors: 1 },
        { name: "calls", num_errors: 0 },
      ],
    });
    expect(await world.ps("counts")).toMatchObject([
      { instance: consumer.instance, mode: "serve", state: "ready" },
    ]);
    await eventually(async () =>
      expect((await world.logs("counts")).map(({ message }) => message).join()).toContain("Error: no"),
    );
  });

  it("answers a plain client of NATS, in the original's form", async () => {
    await using _consumer = await serve((request) => new Response(`${request.method} it`), here("plain"));
    const reply = await world.connection.request("plain", "data", { timeoutMs: 2_000 });
    expect(reply.text()).toBe("POST it");
    expect(reply.headers?.get("X-Response-Status-Code")).toEqual(["200"]);
  });

  it("answers in binary HTTP where it is asked so", async () => {
    await using _consumer = await serve((request) => new Response(`${request.method} it`), here("binary"));
    const headers = createHeaders([["Content-Type", "application/bhttp"]]);
    const path = { method: "PUT", scheme: "https", authority: "a.test", path: "/binary" };
    const rest = { framing: "known", fields: [], content: Buffer.from("x"), trailers: [] } as const;
    const data = writeBhttpRequest({ ...path, ...rest }) ?? Buffer.alloc(0);
    const reply = await world.connection.request("binary", data, { timeoutMs: 2_000, headers });
    const read = readBhttpResponse(reply.data);
    expect(read).toMatchObject({ ok: true, message: { status: 200 } });
    expect(read.ok && Buffer.from(read.message.content).toString()).toBe("PUT it");
    expect(reply.headers?.get("X-Response-Status-Code")).toBeUndefined();
  });

  it("has no more handlers under way than its concurrency, whoever asks", async () => {
    let running = 0;
    let most = 0;
    const handle = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return new Response("done");
    };
    await using _consumer = await serve(handle, here("narrow", { concurrency: 2 }));
    const ask = () => world.connection.request("narrow", "", { timeoutMs: 10_000 });
    await Promise.all(Array.from({ length: 20 }, ask));
    expect(most).toBe(2);
  });

  it("finishes what it took, and gives back what it did not begin, when it closes", async () => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const slow = async () => {
      begun.resolve();
      await go.promise;
      return new Response("by the first");
    };
    const first = await serve(slow, here("drains", { concurrency: 1 }));
    await eventually(async () => expect(await world.ps("drains")).toHaveLength(1));
    const one = world.call("/drains", { method: "POST", body: "1" });
    await begun.promise;
    const two = world.call("/drains", { method: "POST", body: "2" });
    await eventually(() => expect(world.gateway.counts().get("drains")).toMatchObject({ held: 1 }));
    const closing = first.close();
    await using _second = await serve(() => new Response("by the second"), here("drains"));
    expect(await two).toMatchObject({ text: "by the second" });
    go.resolve();
    expect(await one).toMatchObject({ text: "by the first" });
    await closing;
  });

  it("aborts the request whose time is over, and the one whose client left", async () => {
    const reasons: string[] = [];
    const handle = (request: Request) =>
      new Promise<Response>((_, reject) => {
        request.signal.addEventListener("abort", () => {
          reasons.push((request.signal.reason as Error).name);
          reject(request.signal.reason);
        });
      });
    await using _consumer = await serve(handle, here("slow", { limits: { timeoutMs: 200 } }));
    await eventually(async () => expect(await world.ps("slow")).toHaveLength(1));
    expect(await world.call("/slow")).toMatchObject({ status: 504, code: "DEADLINE_EXCEEDED" });
    expect(reasons).toEqual(["TimeoutError"]);
  });

  it("has WebSockets", async () => {
    const handle = (request: Request) => {
      const { socket, response } = upgradeWebSocket(request);
      socket.onmessage = ({ data }) =>
        data === "bye" ? socket.close(4_000, "done") : socket.send(`you said ${data}`);
      return response;
    };
    await using _consumer = await serve(handle, here("chat"));
    await eventually(async () => expect(await world.call("/chat")).toMatchObject({ status: 500 }));
    const client = new WebSocket(world.url("/chat").replace("http", "ws"));
    const messages: string[] = [];
    const closed = new Promise<[number, string]>((resolve) => {
      client.on("message", (data) => messages.push(String(data)) > 1 && client.send("bye"));
      client.on("close", (code, reason) => resolve([code, String(reason)]));
    });
    client.on("open", () => {
      client.send("a");
      client.send("b");
    });
    expect(await closed).toEqual([4_000, "done"]);
    expect(messages).toEqual(["you said a", "you said b"]);
  });

  it("tells its metrics by the names of the original", async () => {
    const metrics = { port: 0 };
    await using consumer = await serve(
      () => new Response("ok", { status: 201 }),
      here("counted", { metrics }),
    );
    await world.connection.request("counted", "", { timeoutMs: 2_000 });
    const text = await (await fetch(`${consumer.metricsUrl}/metrics`)).text();
    expect(text).toContain('narun_worker_active_count{app="counted",stream="default"} 0');
    expect(text).toContain(
      'narun_request_processing_seconds_count{app="counted",stream="default",status="201"} 1',
    );
  });

  it("takes only the routes that it names", async () => {
    const routes = ["/shop/*", { path: "/cart", methods: ["GET"] }];
    await using _consumer = await serve(
      (request) => new Response(new URL(request.url).pathname),
      here("shop", { routes }),
    );
    await eventually(async () => expect(await world.call("/cart")).toMatchObject({ text: "/cart" }));
    expect(await world.call("/shop/a/b")).toMatchObject({ text: "/shop/a/b" });
    expect(await world.call("/shop")).toMatchObject({ status: 404 });
    expect(await world.call("/cart", { method: "POST" })).toMatchObject({ status: 405 });
  });

  it("is in `narun ls`, with its URL, and a function's name is refused", async () => {
    await using _consumer = await serve(() => new Response("ok"), here("listed", { version: "3.0.1" }));
    const rows = await listFunctions(world.connection);
    expect(rows.find(({ name }) => name === "listed")).toEqual({
      ...{
        name: "listed",
        mode: "serve",
        revision: "3.0.1",
        url: world.url("/listed"),
        instances: 1,
        state: "external",
      },
    });
    await world.push("deployed", `export default () => new Response("a function");`);
    await expect(serve(() => new Response("ok"), here("deployed"))).rejects.toMatchObject({
      code: "NAME_TAKEN",
    });
  });

  it("keeps its requests when it is killed: what may run twice is sent to another one", async () => {
    const program = join(import.meta.dirname, "..", "..", "runtime", "serve", "index.ts");
    const source = `import { serve } from ${JSON.stringify(program)};
      await serve(() => new Promise(() => {}), { service: "killed", nats: ${JSON.stringify(world.nats.url)} });`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", source], { stdio: "ignore" });
    await eventually(async () => expect(await world.ps("killed")).toHaveLength(1), SLOW);
    const open = world.call("/killed");
    await eventually(() => expect(world.gateway.counts().get("killed")).toMatchObject({ inFlight: 1 }));
    await using _second = await serve(() => new Response("by the second"), here("killed"));
    child.kill("SIGKILL");
    expect(await open).toMatchObject({ text: "by the second" });
  }, 60_000);

  it("is drained by SIGTERM, and the process ends by it", async () => {
    const program = join(import.meta.dirname, "..", "..", "runtime", "serve", "index.ts");
    const source = `import { serve } from ${JSON.stringify(program)};
      const answer = () => new Promise((resolve) => setTimeout(() => resolve(new Response("late")), 500));
      await serve(answer, { service: "signalled", nats: ${JSON.stringify(world.nats.url)} });`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", source], { stdio: "ignore" });
    const ended = once(child, "exit");
    await eventually(async () => expect(await world.ps("signalled")).toHaveLength(1), SLOW);
    const open = world.call("/signalled", { method: "POST", body: "x" });
    await eventually(() => expect(world.gateway.counts().get("signalled")).toMatchObject({ inFlight: 1 }));
    child.kill("SIGTERM");
    expect(await open).toMatchObject({ text: "late" });
    expect(await ended).toEqual([null, "SIGTERM"]);
  }, 60_000);

  it("refuses wrong options, all at once", async () => {
    const wrong = { ...here("not a name", { version: "two", concurrency: 0 }), servce: "x" };
    await expect(serve(() => new Response(), wrong)).rejects.toThrow(
      /no option servce.*version.*concurrency.*service/,
    );
  });
});
