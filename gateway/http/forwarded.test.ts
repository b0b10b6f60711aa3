import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message } from "../../nats/index.ts";
import { call } from "../testing/http-client.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";
import { clientOf, trustIn } from "./forwarded.ts";

const PROXY = "10.0.0.1";
const isTrusted = trustIn(["10.0.0.0/8", "fd00::/8"]);
const read = (fields: Record<string, string>, peer = PROXY) =>
  clientOf(peer, Object.entries(fields).flat(), isTrusted);

describe("the client behind proxies", () => {
  it("is the peer where that is no trusted proxy, whatever it says", () => {
    const fields = { "X-Forwarded-For": "1.1.1.1", "X-Forwarded-Proto": "https", Forwarded: "for=1.1.1.1" };
    for (const peer of ["192.0.2.1", "2001:db8::1"])
      expect(read(fields, peer)).toEqual({ address: peer, scheme: "http", host: undefined });
  });

  it.each([
    ["198.51.100.7", "198.51.100.7"],
    // The client's own addresses are on the left.
    ["1.1.1.1, 198.51.100.7", "198.51.100.7"],
    ["1.1.1.1,198.51.100.7, 10.0.0.2 ,10.9.9.9", "198.51.100.7"],
    ["10.1.1.1, 10.2.2.2", "10.1.1.1"],
    ["198.51.100.7:4711", "198.51.100.7"],
    ["[2001:db8::7]:4711", "2001:db8::7"],
    ["2001:db8::7, fd00::1", "2001:db8::7"],
    ["::ffff:10.0.0.9", "::ffff:10.0.0.9"],
    // A proxy that does not know its client is the last known address.
    ["1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"],
    ["", PROXY],
    ["%00, 999.1.1.1, fe80::1%eth0", PROXY],
  ])("is the last of X-Forwarded-For that is none: %s", (chain, address) => {
    expect(read({ "X-Forwarded-For": chain })).toMatchObject({ address });
  });

  it("asked for the scheme and the host that the nearest proxy names", () => {
    const both = { "X-Forwarded-Proto": "http, HTTPS", "X-Forwarded-Host": "evil.example, pub.example:8443" };
    expect(read(both)).toEqual({ address: PROXY, scheme: "https", host: "pub.example:8443" });
    expect(read({ "X-Forwarded-Proto": "wss" }).scheme).toBe("https");
    expect(read({ "X-Forwarded-Proto": "https, gopher", "X-Forwarded-Host": "a b/c" })).toEqual({
      address: PROXY,
      scheme: "http",
      host: undefined,
    });
    expect(read(both, "::ffff:10.0.0.1")).toMatchObject({ scheme: "https" });
  });

  it("is read out of Forwarded as well, by what each trusted proxy says", () => {
    const Forwarded =
      'for=1.1.1.1;host=evil.example, For="[2001:db8::7]:4711";Proto=https;host="pub.example:1",for=10.0.0.2;by=x;proto=http';
    expect(read({ Forwarded })).toEqual({ address: "2001:db8::7", scheme: "https", host: "pub.example:1" });
    expect(read({ Forwarded: "proto=https" })).toEqual({ address: PROXY, scheme: "https", host: undefined });
    expect(read({ Forwarded: 'for="_a,b\\";x=1", for=_hidden, for=10.0.0.2' }).address).toBe("10.0.0.2");
    expect(read({ Forwarded: 'for="10.0.0.2' }).address).toBe(PROXY);
  });

  it("is not read out of a Forwarded that a proxy passed on, beside its own fields", () => {
    expect(read({ Forwarded: "for=1.1.1.1;host=evil.example", "X-Forwarded-For": "198.51.100.7" })).toEqual({
      address: "198.51.100.7",
      scheme: "http",
      host: undefined,
    });
  });
});

describe("networks of proxies", () => {
  it.each(["10.0.0.0/33", "proxy.internal", "10.0.0.1:80", ""])("are refused: %j", (text) => {
    expect(() => trustIn([text])).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});

describe("a request through a proxy", () => {
  let world: GatewayWorld;
  let last: Message | undefined;
  beforeAll(async () => {
    world = await startGatewayWorld({ specs: [specOf("fn")], gateway: { trustedProxies: ["127.0.0.1"] } });
    const node = await world.startNode();
    const handler = (message: Message) => {
      last = message;
      return {};
    };
    await node.start("fn", { revision: REVISION, handler });
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const header = (name: string) => last?.headers?.get(name);

  const headers = [
    ...["X-Forwarded-For", "1.1.1.1", "X-Forwarded-For", "198.51.100.7"],
    ...["X-Forwarded-Proto", "https", "X-Forwarded-Host", "pub.example", "Forwarded", "for=1.1.1.1"],
  ];

  it("travels with the client's address, scheme and host", async () => {
    await call(`${world.url}/fn`, { headers });
    expect(header("X-Forwarded-For")).toEqual(["198.51.100.7"]);
    expect(header("X-Forwarded-Proto")).toEqual(["https"]);
    expect(header("X-Forwarded-Host")).toEqual(["pub.example"]);
    expect(header("X-Original-Host")).toEqual(["pub.example"]);
    expect(header("X-Original-RemoteAddr")?.[0]).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(header("Forwarded")).toBeUndefined();
  });

  it("is nothing but its peer's where the configuration trusts others", async () => {
    const config = { routes: [], trusted_proxies: ["10.0.0.0/8"] };
    const gateway = await world.startGateway({ config });
    await call(`${gateway.httpUrl}/fn`, { headers });
    expect(header("X-Forwarded-For")).toEqual(["127.0.0.1"]);
    expect(header("X-Forwarded-Proto")).toEqual(["http"]);
    expect(header("X-Original-Host")).toEqual([new URL(gateway.httpUrl).host]);
    const trusting = await world.startGateway({ config: { ...config, trusted_proxies: ["127.0.0.0/8"] } });
    await call(`${trusting.httpUrl}/fn`, { headers });
    expect(header("X-Forwarded-For")).toEqual(["198.51.100.7"]);
  });
});
