/**
 * Names each thing of the client library that narun touches and that its types do not promise: an update that moves
 * one fails here, with its name, rather than strangely elsewhere. The file that a group names says the purpose of
 * each.
 */
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { JetStreamApiError, jetstreamManager } from "@nats-io/jetstream";
import * as base from "@nats-io/transport-node/lib/nats-base-client.js";
import { NodeTransport, nodeResolveHost } from "@nats-io/transport-node/lib/node_transport.js";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";
import { Liveness } from "./liveness.ts";

let server: TestNats;
let nats: Nats;
beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "shapes" });
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

const read = (file: string) => JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8"));

describe("the client library's versions", () => {
  const { dependencies } = read("package.json") as { dependencies: Record<string, string> };
  const ours = Object.entries(dependencies).filter(([name]) => name.startsWith("@nats-io/"));

  it.each(ours)("%s is pinned exactly", (_name, version) => {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it("all of them use one copy of nats-core", () => {
    for (const [name, version] of ours) {
      const { dependencies: needed } = read(`node_modules/${name}/package.json`);
      expect({ name, core: needed["@nats-io/nats-core"] }).toEqual({ name, core: version });
    }
    expect(read("node_modules/@nats-io/nats-core/package.json").version).toBe(
      dependencies["@nats-io/transport-node"],
    );
  });
});

/** The own and inherited members of an object, that are functions. */
function methodsOf(object: object): string[] {
  const found: string[] = [];
  for (let level = object; level !== Object.prototype && level !== null; level = Object.getPrototypeOf(level))
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level)))
      if (typeof value === "function") found.push(name);
  return found;
}

describe("own.ts needs", () => {
  it.each(["NatsConnectionImpl", "setTransportFactory", "extractProtocolMessage"])(
    "%s of nats-base-client",
    (name) => expect(base).toHaveProperty(name, expect.any(Function)),
  );

  it("nodeResolveHost of node_transport, which resolves with addresses", async () => {
    expect(await nodeResolveHost("127.0.0.1")).toEqual(["127.0.0.1"]);
  });

  it.each([
    "_send",
    "send",
    "connect",
    "dial",
    "peekInfo",
    "startTLS",
    "setupHandlers",
    "discard",
    "disconnect",
  ])("NodeTransport's method %s", (name) => expect(methodsOf(NodeTransport.prototype)).toContain(name));

  it("NodeTransport's fields yields, signal and closedNotification", () => {
    const { yields, signal, closedNotification } = new NodeTransport() as unknown as Record<string, unknown>;
    expect(yields).toEqual([]);
    for (const one of [signal, closedNotification])
      expect(one).toHaveProperty("resolve", expect.any(Function));
  });

  it.each([
    ["socket", expect.any(Socket)],
    ["options", expect.any(Object)],
    ["isClosed", false],
  ])("NodeTransport's %s, once it is connected", (name, value) => {
    expect(protocolOf(nats).transport).toHaveProperty(name, value);
  });

  it("NodeTransport.send to go by _send alone", () => {
    const sent: Uint8Array[] = [];
    const transport = new NodeTransport();
    Object.assign(transport, {
      _send(frame: Uint8Array) {
        sent.push(frame);
        return Promise.resolve();
      },
    });
    const frame = new Uint8Array(1);
    transport.send(frame);
    expect(sent).toEqual([frame]);
  });

  it("the options of connect to reach the transport as they are, and ours to be the transport of a connection", () => {
    const { options, transport } = protocolOf(nats) as { options: object; transport: { options: object } };
    expect(options).toHaveProperty("readTls", expect.any(Function));
    expect(options).toHaveProperty("receivers");
    expect(transport).toHaveProperty("lane.isOpen", true);
    expect(transport.options).toHaveProperty("receivers");
  });

  it("a connection's protocol, with flush, disconnect, and heartbeats that it starts and cancels", async () => {
    const plain = await connectNats({ url: server.url, name: "library's", transport: "plain" });
    const protocol = protocolOf(plain);
    expect(methodsOf(protocol)).toEqual(expect.arrayContaining(["flush", "disconnect"]));
    expect(methodsOf(protocol.heartbeats as object)).toEqual(expect.arrayContaining(["start", "cancel"]));
    expect(protocol).toHaveProperty("heartbeats.timer", expect.anything());
    const cancelled = vi.spyOn(protocol.heartbeats as { cancel(): void }, "cancel");
    await plain.close();
    expect(cancelled).toHaveBeenCalled();
    expect(protocolOf(nats)).toHaveProperty("heartbeats", expect.any(Liveness));
  });
});

/** The fields of a connection that its type does not show. */
function protocolOf({ connection }: Nats): Record<string, unknown> {
  return (connection as unknown as { protocol: Record<string, unknown> }).protocol;
}

describe("writer.ts needs", () => {
  it("a connection's protocol, with connected, transport and flushPending", () => {
    const protocol = protocolOf(nats);
    expect(protocol).toHaveProperty("connected", true);
    expect(protocol).toHaveProperty("transport", expect.any(NodeTransport));
    expect(methodsOf(protocol)).toContain("flushPending");
  });

  it("flushPending to say at once what waits for the end of the turn", () => {
    const protocol = protocolOf(nats);
    nats.connection.publish("shapes.pending", "x");
    const { outbound } = protocol as { outbound: { length(): number } };
    const before = outbound.length();
    (protocol.flushPending as () => void)();
    expect({ before, after: outbound.length() }).toEqual({ before: expect.any(Number), after: 0 });
    expect(before).toBeGreaterThan(0);
  });
});

describe("guard-reader.ts needs", () => {
  it("every message of a subscription of its own to go through the protocol's processMsg, with its subject as bytes", async () => {
    const protocol = protocolOf(nats) as {
      processMsg(message: { subject: Uint8Array }, data: Uint8Array): void;
    };
    const process = protocol.processMsg.bind(protocol);
    const seen = Promise.withResolvers<string>();
    protocol.processMsg = (message, data) => {
      seen.resolve(Buffer.from(message.subject).toString());
      process(message, data);
    };
    nats.connection.subscribe("shapes.seen", { callback: () => undefined });
    nats.publish("shapes.seen", "");
    expect(await seen.promise).toBe("shapes.seen");
    protocol.processMsg = process;
  });
});

describe("subscriptions.ts needs", () => {
  it("a subscription to keep the number under which the server sends its messages, also after a break", async () => {
    const subscription = nats.connection.subscribe("shapes.number", { callback: () => undefined });
    const { subscriptions } = protocolOf(nats) as { subscriptions: { get(sid: number): unknown } };
    const number = subscription.getID();
    expect(subscriptions.get(number)).toBe(subscription);
    const isBack = Promise.withResolvers<void>();
    nats.onState((state) => state === "connected" && isBack.resolve());
    await server.kill9();
    await isBack.promise;
    expect([subscription.getID(), subscriptions.get(number)]).toEqual([number, subscription]);
  });
});

describe("needs-jetstream.ts needs", () => {
  it("the error for no responders to be called JetStreamNotEnabled, with the request's error as its cause", async () => {
    const manager = await jetstreamManager(nats.connection, { apiPrefix: "nobody.here", checkAPI: false });
    const error = await manager.streams.info("any").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "JetStreamNotEnabled", cause: { name: "RequestError" } });
  });

  it("an API error to have JetStream's code and an HTTP status", async () => {
    const manager = await jetstreamManager(nats.connection);
    const error = await manager.streams.info("absent").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JetStreamApiError);
    expect(error).toMatchObject({ code: 10059, status: 404 });
  });

  it("a server to say that it has JetStream", () => {
    expect(nats.connection.info).toHaveProperty("jetstream", true);
  });
});
