/** Arguments of operations are user input: no argument breaks the host, or makes it reveal anything. */
import { afterAll, expect, it } from "vitest";
import { FunctionConfigSchema } from "../../../../contracts/index.ts";
import { connectNats } from "../../../../nats/index.ts";
import { createOpenCalls, createPeers, createStreamPresence } from "../../../../streams/index.ts";
import { startTestNats } from "../../../../test/harness/nats.ts";
import { CallError } from "../../process/host-calls.ts";
import { createIsolateStreams } from "../../process/isolate-streams.ts";
import { createBindings } from "./create-bindings.ts";
import { RateLimits } from "./rate-limits.ts";

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "test" });
afterAll(async () => {
  streams.peers.close();
  streams.presence.close();
  streams.calls.close();
  await nats.close();
  await server.close();
});

const config = FunctionConfigSchema.parse({
  name: "hostile",
  routes: [],
  limits: { timeoutMs: 200 },
  bindings: [
    { name: "KV", kv: "bucket" },
    { name: "FILES", objects: "bucket" },
    { name: "OTHER", service: "other" },
    { name: "SEALED", service: "other", seal: "payments" },
    { name: "EVENTS", publish: ["orders.*"] },
    { name: "FACTS", events: ["facts.*"] },
    { name: "LIMIT", ratelimit: { limit: 3, periodSeconds: 60 } },
    { name: "ORDERS", workflow: "orders" },
  ],
});
const streams = {
  nats,
  peers: createPeers(nats),
  presence: createStreamPresence(nats),
  calls: createOpenCalls(nats),
};
const operations = createBindings({
  streams,
  rateLimits: new RateLimits(),
  config,
  endOf: () => undefined,
  hopsOf: () => 0,
});

/** Arguments that are right, by operation. */
const RIGHT: Record<string, unknown[]> = {
  "kv.get": ["KV", "key"],
  "kv.put": ["KV", "key", "value", undefined, undefined],
  "kv.delete": ["KV", "key", undefined],
  "kv.list": ["KV", "", undefined, undefined],
  "kv.watch": ["KV", "", false],
  "objects.head": ["FILES", "name"],
  "objects.get": ["FILES", "name"],
  "objects.read": ["FILES", "name", "version"],
  "objects.put": ["FILES", "name", "body", []],
  "objects.delete": ["FILES", "name"],
  "objects.list": ["FILES", "", undefined, undefined],
  "publish.publish": ["EVENTS", "orders.x", "data", []],
  "events.publish": ["FACTS", "facts.x", "1", "application/json", false, undefined, "key", undefined],
  "events.once": ["FACTS", "facts.*", 50],
  "events.last": ["FACTS", "facts.x"],
  "ratelimit.limit": ["LIMIT", "key"],
  "workflows.start": ["ORDERS", "id", '{"t":"start"}'],
  "workflows.send": ["ORDERS", "id", '{"t":"cancel","id":"1"}'],
  "workflows.last": ["ORDERS", "id", 0],
  // Without keys none of the three goes beyond its arguments.
  "seal.seal": ["payments", '["field","customers","card"]', "text"],
  "seal.open": ["payments", '["field","customers","card"]', "text"],
  "service.call": ["SEALED", "pay", "", "{}"],
  "service.fetch": ["OTHER", "GET", "http://other/", "", undefined],
  "publish.request": ["EVENTS", "orders.x", "data", [], 50],
};

const HOSTILE: unknown[] = [
  ...[undefined, null, true, 0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60],
  ...[
    "",
    " ",
    "\0",
    "\ud800",
    "../..",
    "*",
    ">",
    "a.>",
    "$JS.API.>",
    "__proto__",
    "constructor",
    "KV",
    "x".repeat(2e6),
  ],
  ...[[], [1], [1, 2], [1e9, 1e9], ["a", "b"], ["a\r\nb", "c"], ["Narun-Hops", "0"], Array(10_000).fill("x")],
  ...[{}, { length: 5 }, { __proto__: null }, { toString: "no" }],
  ...[new ArrayBuffer(0), new ArrayBuffer(9e6), new ArrayBuffer(1e6, { maxByteLength: 2e6 })],
];

it("has an operation for each kind of call, and these arguments are right", async () => {
  expect(Object.keys(operations).sort()).toEqual(Object.keys(RIGHT).sort());
  const sealing = ["seal.seal", "seal.open", "service.call"];
  const expected = new Set(["objects.read", "publish.request", "events.once", ...sealing]);
  for (const [name, values] of Object.entries(RIGHT)) {
    const error = await call(name, values);
    expect({ name, error: error?.message }).toEqual({
      name,
      error: expected.has(name) ? expect.any(String) : undefined,
    });
  }
});

it.each(Object.entries(RIGHT))("%s takes whatever comes", async (name, right) => {
  const unexpected: unknown[] = [];
  for (const position of right.keys()) {
    await Promise.all(
      HOSTILE.map(async (value) => {
        const error = await call(name, right.with(position, value));
        if (error !== undefined && !(error instanceof CallError)) unexpected.push([position, value, error]);
      }),
    );
  }
  for (const values of [[], HOSTILE, Array(100).fill("KV")]) {
    const error = await call(name, values);
    if (error !== undefined && !(error instanceof CallError)) unexpected.push([values, error]);
  }
  expect(unexpected).toEqual([]);
});

it.each([
  ["objects.put", ["FILES", "name", "body", ["by", "\ud800"]]],
  ["objects.put", ["FILES", "name", "body", ["\ud800", "by"]]],
  ["publish.publish", ["EVENTS", "orders.x", "data", ["by", "\udc00"]]],
  ["publish.publish", ["EVENTS", "orders.\ud800", "data", []]],
  ["kv.get", ["KV", "\ud800"]],
])("%s refuses half a character, which would be stored as another text", async (name, values) => {
  expect(await call(name, values)).toMatchObject({ name: "TypeError" });
});

it("service.fetch refuses a field with a character that is no byte", async () => {
  // The lowest byte of this character is a carriage return.
  const values = ["OTHER", "GET", "http://other/", "x-a\n\u010d\n", undefined];
  expect(await call("service.fetch", values)).toBeInstanceOf(CallError);
});

/** The error of an operation that an isolate calls before it ends. */
async function call(name: string, values: readonly unknown[]): Promise<Error | undefined> {
  const ending = new AbortController();
  const streams = createIsolateStreams({ enter: () => undefined, onViolation: () => undefined });
  const context = {
    owner: 1,
    request: { id: "r1", endsAtMs: performance.now() + 300 },
    signal: ending.signal,
    streams,
  };
  // A stream that never gives anything ends with its isolate.
  const end = setTimeout(() => {
    streams.close();
    ending.abort();
  }, 150);
  try {
    await operations[name]?.(values, context as never);
    return undefined;
  } catch (error) {
    if (ending.signal.aborted && error === ending.signal.reason) return undefined;
    return error as Error;
  } finally {
    clearTimeout(end);
    streams.close();
    ending.abort();
  }
}
