/**
 * The border of a service: any input, path, query and header, over HTTP, NATS and MCP. Each answer is the own answer of its request, or a
 * problem with a code; the instance lives on.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isErrorCode } from "../../contracts/index.ts";
import { createHeaders, headerValue } from "../../nats/index.ts";
import { startWorld, type World } from "../harness/world.ts";

const SOURCE = `
import { service } from "narun";
import { z } from "zod";
const Item = z.object({ nonce: z.string(), count: z.number().optional(), tags: z.array(z.string()).optional(), inner: z.object({ on: z.boolean() }).optional() });
export default service({ name: "border", version: "1.0.0", errors: { Refused: { status: 409, data: z.object({ nonce: z.string() }) } } })
  .action("echo", { input: Item, output: z.object({ nonce: z.string() }), tool: true }, ({ nonce, count }, ctx) => {
    if (count === 13) throw ctx.error("Refused", { nonce });
    return { nonce };
  })
  .action("find", { path: "border/items/{nonce}", readOnly: true, input: Item, tool: true }, ({ nonce }) => ({ nonce }))
  .action("put", { path: "border/files/{nonce}/>", method: "PUT", input: z.looseObject({ nonce: z.string() }) }, ({ nonce }) => ({ nonce }))
  .action("any", { subject: "border.any.{nonce}" }, (input, ctx) => ({ nonce: ctx.params.nonce }));
`;
/** Upper bound of a test. */
const RUN_MS = 120_000 + Number(process.env.NARUN_TEST_RUNS ?? 0) * 400;
const numRuns = Number(process.env.NARUN_TEST_RUNS ?? 150);

let world: World;
beforeAll(async () => {
  world = await startWorld({ gateway: { interfaces: { mcp: "local" } } });
  await world.push("border", SOURCE);
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

let count = 0;
const nextNonce = () => `nonce-${++count}`;

/** Values that fit, nearly fit, or do not fit at all. `NONCE` becomes the request's own. */
const texts = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "NONCE", "__proto__", "\u0000", "x".repeat(5_000)),
);
const values = fc.oneof(
  fc.record(
    {
      nonce: fc.oneof(
        { weight: 6, arbitrary: fc.constant("NONCE") },
        { weight: 1, arbitrary: fc.jsonValue() },
      ),
      count: fc.oneof(fc.double(), fc.constant(13), fc.jsonValue()),
      tags: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
      inner: fc.oneof(fc.record({ on: fc.boolean() }), fc.jsonValue()),
    },
    { requiredKeys: ["nonce"] },
  ),
  fc.jsonValue({ maxDepth: 6 }),
);
const bodies = fc.oneof(
  { weight: 5, arbitrary: values.map((value) => JSON.stringify(value)) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.string(),
      fc.constantFrom("{", '{"nonce":', "[".repeat(20_000), "\ufeff{}", "nul"),
    ),
  },
);
const fields = fc.dictionary(
  fc.constantFrom(
    "x-a",
    "content-type",
    "accept",
    "prefer",
    "narun-caller",
    "traceparent",
    "idempotency-key",
    "x-original-path",
  ),
  fc.string({ unit: "grapheme-ascii", maxLength: 40 }).map((text) => text.trim()),
);
const segments = fc
  .array(fc.oneof(texts, fc.constantFrom("..", ".", "%", "a/b")), { maxLength: 3 })
  .map((all) => all.map(part).join("/"));

function part(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Checks an answer: of this request alone, or a problem. */
function check(status: number, text: string, nonce: string): void {
  // The service answers 405 and 204 without a body.
  if (text === "") {
    expect([204, 405]).toContain(status);
    return;
  }
  const told = JSON.parse(text) as { nonce?: unknown; code?: unknown; error?: { data: { nonce: string } } };
  if (status < 400) {
    if (typeof told.nonce === "string" && told.nonce.startsWith("nonce-")) expect(told.nonce).toBe(nonce);
    return;
  }
  expect(isErrorCode(told.code), text).toBe(true);
  expect(told.code, text).not.toMatch(/^(?:INTERNAL|HANDLER_THREW|INVALID_OUTPUT|CONSUMER_DIED|BAD_REPLY)$/);
  const named = told.code === "ACTION_ERROR" ? told.error?.data.nonce : undefined;
  if (named?.startsWith("nonce-") === true) expect(named).toBe(nonce);
}

it(
  "over HTTP",
  async () => {
    const verbs = fc.constantFrom("POST", "POST", "GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS");
    const paths = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          "/border.echo",
          "/border.find",
          "/border/items/NONCE",
          "/border.any.NONCE",
        ),
      },
      segments.map((rest) => `/border/files/NONCE/${rest}`),
      segments.map((rest) => `/border/items/${rest}`),
      segments.map((rest) => `/border.any.${rest}`),
      segments.map((rest) => `/.narun/action/${rest}`),
    );
    const queries = fc.dictionary(fc.constantFrom("nonce", "count", "tags", "__proto__", "hedged"), texts);
    const requests = fc.record({ method: verbs, path: paths, query: queries, body: bodies, headers: fields });
    await fc.assert(
      fc.asyncProperty(fc.array(requests, { minLength: 1, maxLength: 8 }), async (all) => {
        await Promise.all(
          all.map(async ({ method, path, query, body, headers }) => {
            const nonce = nextNonce();
            const own = (text: string) => text.replaceAll("NONCE", nonce);
            const asked = new URLSearchParams(
              Object.entries(query).map(([key, value]) => [key, own(value.toWellFormed())]),
            );
            const hasBody = method !== "GET" && method !== "HEAD";
            const { prefer: _, ...sent } = headers;
            const answer = await fetch(world.url(`${own(path)}?${asked}`), {
              ...{ method, headers: sent, redirect: "manual" as const },
              ...(hasBody ? { body: own(body) } : {}),
            });
            const text = await answer.text();
            if (method !== "HEAD") check(answer.status, text, nonce);
          }),
        );
      }),
      { numRuns },
    );
  },
  RUN_MS,
);

it(
  "over NATS",
  async () => {
    const subjects = fc.constantFrom(
      "border.echo",
      "border.find",
      "border.put",
      "border.any.NONCE",
      "border",
    );
    const requests = fc.record({ subject: subjects, body: bodies, headers: fields });
    await fc.assert(
      fc.asyncProperty(fc.array(requests, { minLength: 1, maxLength: 8 }), async (all) => {
        await Promise.all(
          all.map(async ({ subject, body, headers }) => {
            const nonce = nextNonce();
            const own = (text: string) => text.replaceAll("NONCE", nonce);
            const reply = await world.connection.request(own(subject), own(body), {
              timeoutMs: 30_000,
              headers: createHeaders(Object.entries(headers)),
            });
            const status = headerValue(reply.headers, "X-Response-Status-Code");
            check(Number(status ?? "200"), reply.text(), nonce);
          }),
        );
      }),
      { numRuns },
    );
  },
  RUN_MS,
);

it(
  "over MCP",
  async () => {
    const names = fc.constantFrom("border-echo", "border-find", "border-put", "border", "__proto__", "");
    const calls = fc.record({
      name: names,
      args: fc.oneof({ weight: 4, arbitrary: values }, fc.constant(undefined)),
    });
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    await fc.assert(
      fc.asyncProperty(calls, async ({ name, args }) => {
        const nonce = nextNonce();
        const message = {
          jsonrpc: "2.0",
          id: nonce,
          method: "tools/call",
          params: { name, arguments: args },
        };
        const body = JSON.stringify(message).replaceAll("NONCE", nonce);
        const answer = await fetch(world.url("/mcp"), { method: "POST", headers, body });
        const text = await answer.text();
        const json = text.startsWith("{") ? text : (/^data: (.*)$/m.exec(text)?.[1] ?? "");
        const { id, result, error } = JSON.parse(json);
        expect(id ?? nonce).toBe(nonce);
        expect((result === undefined) !== (error === undefined), text).toBe(true);
        expect(answer.status).toBeLessThan(500);
        const told = /nonce-\d+/.exec(JSON.stringify(result ?? ""))?.[0] ?? nonce;
        expect(told).toBe(nonce);
        expect(text).not.toMatch(/HANDLER_THREW|INVALID_OUTPUT|at .*\.ts:\d/);
      }),
      { numRuns },
    );
  },
  RUN_MS,
);

it("and the instance lives on", async () => {
  expect(world.announcements("border").filter(({ state }) => state === "gone")).toEqual([]);
  const nonce = nextNonce();
  const answer = await world.call("/border.echo", { method: "POST", body: JSON.stringify({ nonce }) });
  expect(JSON.parse(answer.text)).toEqual({ nonce });
});
