/** Pages of other origins: preflights, answers, errors. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../testing/http-client.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";

const PAGE = "https://app.example";
let world: GatewayWorld;
beforeAll(async () => {
  const cors = (facts: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
    cors: facts,
    ...more,
  });
  world = await startGatewayWorld({
    specs: [
      specOf(
        "named",
        cors({ origins: [PAGE, "https://*.deep.example"], credentials: true, maxAgeSeconds: 5 }),
      ),
      specOf("open", cors({ origins: ["*"] }, { routes: [{ path: "/pkg.Svc/*", methods: ["POST"] }] })),
      specOf("asleep", cors({ origins: [PAGE] })),
      specOf("closed"),
    ],
    gateway: { hold: { holdMs: 50 } },
  });
  const node = await world.startNode();
  for (const name of ["named", "open", "closed"])
    await node.start(name, {
      revision: REVISION,
      handler: ({ headers }) => {
        const isOwn = headers?.get("X-Original-Path")?.[0]?.endsWith("/own") === true;
        const own: [string, string][] = isOwn ? [["Access-Control-Allow-Origin", "https://own.example"]] : [];
        return { data: "hi", headers: [["grpc-status", "0"], ...own] };
      },
    });
});
afterAll(() => world[Symbol.asyncDispose]());

const ofCors = (headers: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => /^(access-control-|vary)/.test(name))
      .map(([name, value]) => [name.replace("access-control-", ""), String(value)]),
  );
const preflight = async (path: string, origin: string, method = "POST", fields: string[] = []) => {
  const headers = ["Origin", origin, "Access-Control-Request-Method", method, ...fields];
  const { status, headers: answered, text } = await call(world.url + path, { method: "OPTIONS", headers });
  return { status, text, ...ofCors(answered) };
};
const ask = async (path: string, origin?: string) => {
  const { status, headers } = await call(world.url + path, {
    method: "POST",
    headers: origin === undefined ? [] : ["Origin", origin],
  });
  return { status, ...ofCors(headers) };
};

describe("a preflight", () => {
  const vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

  it("is answered for a page that narun.yaml names, with the fields that it asks for", async () => {
    const names = "content-type,x-grpc-web,x-user-agent,authorization";
    expect(await preflight("/named/x", PAGE, "POST", ["Access-Control-Request-Headers", names])).toEqual({
      status: 204,
      text: "",
      vary,
      "allow-origin": PAGE,
      "allow-methods": "POST",
      "allow-headers": names,
      "allow-credentials": "true",
      "max-age": "5",
    });
  });

  it("is answered where the route takes the method that the page asks for, and no OPTIONS", async () => {
    expect(await preflight("/pkg.Svc/Call", PAGE)).toMatchObject({ status: 204, "allow-origin": "*" });
    expect(await preflight("/pkg.Svc/Call", PAGE, "PUT")).toMatchObject({ status: 405 });
  });

  it("wakes no function", async () => {
    expect(await preflight("/asleep/x", PAGE)).toMatchObject({ status: 204, "allow-origin": PAGE });
  });

  it.each([
    "https://app.example.evil",
    "http://app.example",
    "https://deep.example",
    "https://deep.example.evil",
    "https://evil.example/x.deep.example",
    "null",
  ])("of %s, which is not named, allows nothing", async (origin) => {
    expect(await preflight("/named/x", origin)).toEqual({ status: 204, text: "", vary });
  });

  it("with names that are none does not get them back", async () => {
    const answer = await preflight("/named/x", PAGE, "POST", ["Access-Control-Request-Headers", "a b, c:d"]);
    expect(answer).not.toHaveProperty("allow-headers");
  });

  it("goes to a function without `cors`, as other requests do", async () => {
    expect(await preflight("/closed/x", PAGE)).toEqual({ status: 200, text: "hi" });
  });
});

describe("an answer", () => {
  it("may be read by the page, with its fields", async () => {
    expect(await ask("/named/x", "https://a.b.deep.example")).toEqual({
      status: 200,
      vary: "Origin",
      "allow-origin": "https://a.b.deep.example",
      "allow-credentials": "true",
      "expose-headers": expect.stringMatching(/\bgrpc-status\b.*\bx-request-id\b/),
    });
    expect(await ask("/pkg.Svc/Call", PAGE)).toEqual({
      status: 200,
      "allow-origin": "*",
      "expose-headers": "*",
    });
  });

  it("that names its origins itself stays as it is", async () => {
    expect(await ask("/named/own", PAGE)).toEqual({ status: 200, "allow-origin": "https://own.example" });
  });

  it("of the gateway may be read, too", async () => {
    expect(await ask("/asleep/x", PAGE)).toMatchObject({ status: 503, "allow-origin": PAGE });
  });

  it("to other pages, and without `cors`, allows nothing", async () => {
    expect(await ask("/named/x", "https://evil.example")).toEqual({ status: 200, vary: "Origin" });
    expect(await ask("/named/x")).toEqual({ status: 200, vary: "Origin" });
    expect(await ask("/closed/x", PAGE)).toEqual({ status: 200 });
  });
});

it("credentials for every page are refused, and origins that are none", () => {
  const parse = (cors: unknown) => () => specOf("fn", { cors });
  expect(parse({ origins: ["*"], credentials: true })).toThrow(/with credentials, name the origins/);
  for (const origin of ["https://a.example/", "a.example", "https://*", "ftp://a", "HTTPS://A", ""])
    expect(parse({ origins: [origin] }), origin).toThrow(/an origin is a scheme/);
});
