/** Requests by the socket of a host on the same machine. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readRequestHead, subjects } from "../contracts/index.ts";
import { type LocalRequest, listenLocal } from "../local/index.ts";
import { Ledger, registerMicroService } from "../nats/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import type { GatewayOptions } from "./gateway.ts";
import { call } from "./testing/http-client.ts";
import { REVISION, specOf, startGatewayWorld } from "./testing/world.ts";

type Take = (request: LocalRequest) => void;

/** A host with one instance, which a gateway reaches by both carriers, and what came by each. */
async function startHost(take: Take, gateway: Partial<GatewayOptions> = {}) {
  const closers = new AsyncDisposableStack();
  const world = closers.use(await startGatewayWorld({ specs: [specOf("fn")], gateway }));
  const node = await world.startNode();
  const folder = await mkdtemp(join(tmpdir(), "narun-"));
  closers.defer(() => rm(folder, { recursive: true, force: true }));
  const machine = crypto.randomUUID().replaceAll("-", "");
  const path = join(folder, "s");
  const listen = () => listenLocal({ path, machine, world: node.nats.world.id, warn: () => undefined });
  let server = await listen();
  closers.defer(() => server.close());
  const overSocket: string[] = [];
  const overNats: string[] = [];
  const onSocket: Take = (request) => {
    overSocket.push(readRequestHead(request.head)?.query ?? "");
    take(request);
  };
  server.register(7, onSocket);
  const ledger = new Ledger(node.nats);
  node.nats.subscribe(subjects.streamControlAll("one"), (message) => {
    if (message.subject === subjects.inquiries("one")) ledger.answer(message);
  });
  registerMicroService(node.nats, {
    name: "fn",
    version: "1.0.0",
    endpoints: [
      {
        name: "direct",
        subject: subjects.instanceRequests("one"),
        handle: ledger.guard((message, done) => {
          overNats.push(message.headers?.get("X-Original-Query")?.[0] ?? "");
          message.respond("over NATS");
          done();
        }),
      },
    ],
  });
  await node.nats.flush();
  node.announce({
    ...{
      state: "ready",
      function: "fn",
      instance: "one",
      node: node.node,
      revision: REVISION,
      at: Date.now(),
    },
    ...{ concurrency: 50, phases: {}, socket: { machine, path, number: 7 } },
  });
  return {
    world,
    url: `${world.url}/fn`,
    overSocket,
    overNats,
    /** Resolves when requests go by the socket. */
    async isUsed() {
      await eventually(async () => {
        await call(`${world.url}/fn?probe`);
        expect(overSocket).not.toEqual([]);
      });
      overSocket.length = 0;
      overNats.length = 0;
    },
    async breakSocket() {
      await server.close();
      server = await listen();
    },
    [Symbol.asyncDispose]: () => closers.disposeAsync(),
  };
}

const hello: Take = (request) =>
  void request.respond(200, "content-type\ntext/plain\nset-cookie\na=1\nset-cookie\nb=2\n", "hello");

describe("a request to an instance of the same machine", () => {
  it.each<[string, (request: LocalRequest) => void]>([
    ["an error", (request) => void request.fail("CPU_LIMIT")],
    ["a refusal", (request) => void request.fail("INSTANCE_DRAINING")],
    ["a whole answer", (request) => void request.respond(200, "", "more")],
  ])("breaks off where %s follows the head of its answer", async (_what, go) => {
    await using host = await startHost((request) => {
      if (!request.head.includes("\nbegun\n")) return hello(request);
      request.begin(200, "");
      go(request);
    });
    await host.isUsed();
    await expect(call(`${host.url}?begun`)).rejects.toThrow("aborted");
    await eventually(() => expect(host.world.gateway.counts().size).toBe(0));
  });

  it("goes by its socket, and so does the answer", async () => {
    let head = "";
    await using host = await startHost((request) => {
      head = request.head;
      hello(request);
    });
    await host.isUsed();
    const fields = ["X-Request-Id", "mine", "X-A", "caf\u00e9"];
    const answer = await call(`${host.url}/a%20b?x=1`, {
      method: "POST",
      headers: fields,
      body: Buffer.from("{}"),
    });
    expect(answer).toMatchObject({ status: 200, text: "hello" });
    expect(answer.headers).toMatchObject({
      "content-type": "text/plain",
      "content-length": "5",
      "set-cookie": ["a=1", "b=2"],
      "x-request-id": "mine",
    });
    expect(answer.rawHeaders).toContain("Content-Type");
    const { block = "", ...facts } = readRequestHead(head) ?? {};
    expect(facts).toMatchObject({ method: "POST", rawPath: "/fn/a%20b", query: "x=1", requestId: "mine" });
    expect(block).toContain("x-a\ncaf\u00e9\n");
    expect(block).toContain("x-forwarded-for\n127.0.0.1\n");
    expect(host.overNats).toEqual([]);
  });

  it("goes over NATS where the short path is off", async () => {
    await using host = await startHost(hello, { shortPath: "off" });
    await eventually(async () => expect((await call(`${host.url}?1`)).text).toBe("over NATS"));
    expect(host.overSocket).toEqual([]);
  });

  it("has the errors of the function", async () => {
    await using host = await startHost((request) => void request.fail("MEMORY_LIMIT", 128));
    await host.isUsed();
    const answer = await call(host.url);
    expect(JSON.parse(answer.text)).toMatchObject({ code: "MEMORY_LIMIT", status: answer.status });
  });

  it.each(["x y\n1\n", "x-a\na\u0000\n", "x-a\n"])(
    "is 502 where its host lies about fields: %j",
    async (block) => {
      await using host = await startHost((request) => void request.respond(200, block, "lie"));
      await host.isUsed();
      const answer = await call(host.url);
      expect(JSON.parse(answer.text)).toMatchObject({ code: "BAD_REPLY", status: 502 });
    },
  );

  it("carries no field that is narun's own out of the gateway", async () => {
    const block =
      "narun-error\nINTERNAL\nx-response-status-code\n500\nconnection\nx-mine\nx-mine\n1\nx-a\n1\n";
    await using host = await startHost((request) => void request.respond(201, block, ""));
    await host.isUsed();
    const { status, headers } = await call(host.url);
    expect(status).toBe(201);
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(["narun-error"]));
    expect(headers["x-mine"]).toBeUndefined();
    expect(headers["x-a"]).toBe("1");
  });
});

describe("a request whose socket breaks", () => {
  it("is sent again over NATS where it may run twice", async () => {
    const taken = Promise.withResolvers<void>();
    let isProbe = true;
    await using host = await startHost((request) => {
      if (isProbe) hello(request);
      else taken.resolve();
    });
    await host.isUsed();
    isProbe = false;
    const answer = call(`${host.url}?again`);
    await taken.promise;
    await host.breakSocket();
    expect((await answer).text).toBe("over NATS");
    expect(host.overNats).toEqual(["again"]);
  });

  it("is begun once where it may not run twice: its instance is asked", async () => {
    const taken = Promise.withResolvers<LocalRequest>();
    let isProbe = true;
    await using host = await startHost((request) => {
      if (isProbe) hello(request);
      else taken.resolve(request);
    });
    await host.isUsed();
    isProbe = false;
    const answer = call(`${host.url}?once`, { method: "POST", body: "x" });
    const { id } = await taken.promise;
    await host.breakSocket();
    // Its reply comes over NATS after all.
    host.world.nats.publish(id, "the answer");
    expect(await answer).toMatchObject({ status: 200, text: "the answer" });
    expect(host.overNats).toEqual([]);
  });
});
