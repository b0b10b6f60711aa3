/** Libraries that need little more than the language run unmodified, called over HTTP. */
import { afterAll, describe, expect, it } from "vitest";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

async function jsonOf(path: string, init?: RequestInit): Promise<unknown> {
  const { status, text } = await world.call(path, init);
  expect([status, text]).toEqual([200, expect.any(String)]);
  return JSON.parse(text);
}

describe("itty-router", () => {
  it("routes, with parameters, middleware, nested routers and errors", async () => {
    const source = `
      import { AutoRouter, IttyRouter, cors, json, status, StatusError, withContent, withCookies, withParams } from "itty-router";
      const { preflight, corsify } = cors({ origin: "https://example.com" });
      const users = IttyRouter({ base: "/itty/users" });
      users.get("/:id", withParams, ({ id }) => ({ user: id }));
      const router = AutoRouter({ base: "/itty", before: [preflight] });
      router
        .all("/users/*", users.fetch)
        .get("/query", ({ query }) => query)
        .get("/cookies", withCookies, ({ cookies }) => cookies)
        .post("/content", withContent, ({ content }) => ({ got: content }))
        .get("/file/:name.:ext?", ({ params }) => params)
        .get("/open", (request) => corsify(json({ open: true }), request))
        .get("/teapot", () => status(418))
        .get("/throws", () => { throw new StatusError(402, "pay") })
        .get("/breaks", () => { throw new Error("broken") });
      export default { ...router };
    `;
    await world.push("itty", source);
    expect(await jsonOf("/itty/users/7")).toEqual({ user: "7" });
    expect(await jsonOf("/itty/query?a=1&b=2&b=3")).toEqual({ a: "1", b: ["2", "3"] });
    expect(await jsonOf("/itty/cookies", { headers: { cookie: "a=1; b=2" } })).toEqual({ a: "1", b: "2" });
    const post = { method: "POST", body: '{"x":1}', headers: { "content-type": "application/json" } };
    expect(await jsonOf("/itty/content", post)).toEqual({ got: { x: 1 } });
    expect(await jsonOf("/itty/file/a.txt")).toEqual({ name: "a", ext: "txt" });
    expect((await world.call("/itty/teapot")).status).toBe(418);
    expect(await world.call("/itty/throws")).toMatchObject({
      status: 402,
      text: '{"status":402,"error":"pay"}',
    });
    expect((await world.call("/itty/breaks")).status).toBe(500);
    expect((await world.call("/itty/nowhere")).status).toBe(404);
    const allowed = await world.call("/itty/open", { headers: { origin: "https://example.com" } });
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://example.com");
  });
});

describe("zod", () => {
  it("parses, transforms, and says what is wrong", async () => {
    const source = `
      import * as z from "zod";
      const Order = z.object({
        id: z.uuid(),
        mail: z.email(),
        when: z.iso.datetime().transform((text) => new Date(text)),
        items: z.array(z.object({ name: z.string().trim().min(1), count: z.coerce.number().int().positive() })).nonempty(),
        kind: z.discriminatedUnion("type", [
          z.object({ type: z.literal("gift"), to: z.string() }),
          z.object({ type: z.literal("own") }),
        ]),
      });
      export default async (request: Request) => {
        const parsed = await Order.safeParseAsync(await request.json());
        if (parsed.success) return Response.json({ ...parsed.data, year: parsed.data.when.getUTCFullYear() });
        return Response.json({ issues: parsed.error.issues.map(({ path, code }) => [path.join("."), code]), text: z.prettifyError(parsed.error) });
      };
    `;
    await world.push("zod", source);
    const order = {
      id: "1f0e1a90-6f1e-4c57-9b0c-0d5c6d0a5a10",
      mail: "ada@example.com",
      when: "2026-11-21T10:00:00Z",
      items: [{ name: " pen ", count: "2" }],
      kind: { type: "gift", to: "Eve" },
    };
    const post = (body: object) => jsonOf("/zod", { method: "POST", body: JSON.stringify(body) });
    expect(await post(order)).toMatchObject({ year: 2026, items: [{ name: "pen", count: 2 }] });
    expect(await post({ ...order, mail: "ada", items: [], kind: { type: "loan" } })).toMatchObject({
      issues: [
        ["mail", "invalid_format"],
        ["items", "too_small"],
        ["kind.type", "invalid_union"],
      ],
      text: expect.stringContaining("→ at mail"),
    });
  });
});

describe("lodash-es", () => {
  it("groups, merges, clones, compiles templates, debounces", async () => {
    const source = `
      import { chunk, cloneDeep, debounce, groupBy, isEqual, merge, orderBy, template, throttle } from "lodash-es";
      import * as everything from "lodash-es";
      export default async () => {
        const date = new Date(0);
        const copy = cloneDeep({ date, map: new Map([[1, { a: 1 }]]), bytes: new Uint8Array([1, 2]) });
        let calls = 0;
        const slow = debounce(() => ++calls, 5);
        slow(); slow(); slow();
        await new Promise((resolve) => setTimeout(resolve, 30));
        return Response.json({
          chunk: chunk([1, 2, 3], 2),
          group: groupBy([1.2, 1.8, 2.1], Math.floor),
          merged: merge({ a: [{ b: 1 }] }, { a: [{ c: 2 }] }),
          ordered: orderBy([{ n: 1 }, { n: 3 }, { n: 2 }], "n", "desc").map(({ n }) => n),
          copied: isEqual(copy.date, date) && copy.date !== date && copy.map.get(1).a === 1 && copy.bytes[1] === 2,
          text: template("Hi <%- name %>")({ name: "<Ada>" }),
          calls,
          functions: Object.keys(everything).length > 300,
        });
      };
    `;
    await world.push("lodash", source);
    expect(await jsonOf("/lodash")).toEqual({
      chunk: [[1, 2], [3]],
      group: { 1: [1.2, 1.8], 2: [2.1] },
      merged: { a: [{ b: 1, c: 2 }] },
      ordered: [3, 2, 1],
      copied: true,
      text: "Hi &lt;Ada&gt;",
      calls: 1,
      functions: true,
    });
  });
});

describe("date-fns", () => {
  it("formats and computes with time zones and locales", async () => {
    const source = `
      import { tz, TZDate, tzOffset } from "@date-fns/tz";
      import { add, differenceInCalendarDays, format, formatDistance, parseISO, startOfDay } from "date-fns";
      import { de, ja } from "date-fns/locale";
      export default () => {
        const summer = parseISO("2026-07-01T12:00:00Z");
        const beforeChange = new TZDate(2026, 2, 28, 2, 30, "Europe/Berlin");
        return Response.json({
          berlin: format(summer, "yyyy-MM-dd HH:mm:ss xxx", { in: tz("Europe/Berlin") }),
          tokyo: format(summer, "PPPPp", { in: tz("Asia/Tokyo"), locale: ja }),
          german: format(summer, "EEEE, d. MMMM yyyy", { locale: de, in: tz("Europe/Berlin") }),
          day: startOfDay(summer, { in: tz("America/New_York") }).toISOString(),
          changed: add(beforeChange, { days: 1, hours: 12 }).toISOString(),
          offsets: [tzOffset("Asia/Kolkata", summer), tzOffset("America/St_Johns", summer)],
          distance: formatDistance(summer, add(summer, { days: 3 }), { locale: de }),
          days: differenceInCalendarDays(add(summer, { months: 1 }), summer),
          intl: new Intl.DateTimeFormat("fr", { dateStyle: "full", timeZone: "Europe/Paris" }).format(summer),
          zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        });
      };
    `;
    await world.push("dates", source);
    expect(await jsonOf("/dates")).toEqual({
      berlin: "2026-07-01 14:00:00 +02:00",
      tokyo: "2026年7月1日水曜日 21:00",
      german: "Mittwoch, 1. Juli 2026",
      day: "2026-07-01T00:00:00.000-04:00",
      changed: "2026-03-29T15:30:00.000+02:00",
      offsets: [330, -150],
      distance: "3 Tage",
      days: 31,
      intl: "mercredi 1 juillet 2026",
      zone: expect.any(String),
    });
  });
});

describe("marked", () => {
  it("renders Markdown, with an extension and a hook of its own", async () => {
    const source = `
      import { Marked } from "marked";
      import page from "./page.md";
      const marked = new Marked({ gfm: true, async: true });
      marked.use({
        renderer: { heading: ({ tokens, depth }) => \`<h\${depth} class="own">\${tokens[0].raw}</h\${depth}>\n\` },
        walkTokens: async (token) => { if (token.type === "link") { await null; token.href += "?seen"; } },
      });
      export default async () => new Response(await marked.parse(page), { headers: { "Content-Type": "text/html" } });
    `;
    const page = "# Title\n\n- [x] done\n\n| a |\n|---|\n| **b** |\n\n[link](/x) `code` <script>\n";
    await world.push("marked", { "index.ts": source, "page.md": page });
    const { text, headers } = await world.call("/marked");
    expect(headers.get("content-type")).toBe("text/html");
    expect(text).toContain('<h1 class="own">Title</h1>');
    expect(text).toContain('<input checked="" disabled="" type="checkbox"> done');
    expect(text).toContain("<td><strong>b</strong></td>");
    expect(text).toContain('<a href="/x?seen">link</a> <code>code</code>');
  });
});

describe("a WebAssembly module", () => {
  it("is imported compiled, and computes", async () => {
    const source = `
      import add from "./add.wasm";
      import bytes from "./add.wasm" with { type: "bytes" };
      const { exports } = new WebAssembly.Instance(add);
      export default async (request: Request) => {
        const [a, b] = new URL(request.url).searchParams.getAll("n").map(Number);
        const { instance } = await WebAssembly.instantiate(bytes);
        const compiled = await WebAssembly.compile(bytes);
        return Response.json({
          sum: exports.add(a, b),
          again: instance.exports.add(a, b),
          exports: WebAssembly.Module.exports(compiled),
          valid: WebAssembly.validate(new Uint8Array([0])),
        });
      };
    `;
    // A module that exports `add(a, b)`, byte for byte.
    const add = Buffer.from(
      "0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b",
      "hex",
    );
    await world.push("adder", { "index.ts": source, "add.wasm": add });
    expect(await jsonOf("/adder?n=40&n=2")).toEqual({
      sum: 42,
      again: 42,
      exports: [{ name: "add", kind: "function" }],
      valid: false,
    });
  });
});
