/** A Hono app in the style of authors: routers, middleware, cookies, tokens, streams, errors. */
import { afterAll, describe, expect, it } from "vitest";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const SOURCE = `
  import { Hono } from "hono";
  import { basicAuth } from "hono/basic-auth";
  import { bodyLimit } from "hono/body-limit";
  import { deleteCookie, getCookie, getSignedCookie, setCookie, setSignedCookie } from "hono/cookie";
  import { cors } from "hono/cors";
  import { etag } from "hono/etag";
  import { HTTPException } from "hono/http-exception";
  import { jwt, sign } from "hono/jwt";
  import { logger } from "hono/logger";
  import { prettyJSON } from "hono/pretty-json";
  import { requestId } from "hono/request-id";
  import { secureHeaders } from "hono/secure-headers";
  import { stream, streamSSE, streamText } from "hono/streaming";
  import { timing } from "hono/timing";
  import { validator } from "hono/validator";
  import { html } from "hono/html";

  const SECRET = "a secret of thirty-two characters!";
  const app = new Hono<{ Bindings: { NAME: string }; Variables: { user: string } }>().basePath("/app");
  app.use(logger(), timing(), requestId(), secureHeaders());
  app.use("/api/*", cors({ origin: "https://example.com", credentials: true }), prettyJSON());

  const books = new Hono();
  books.get("/", (c) => c.json([{ id: 1 }]));
  books.get("/:id{[0-9]+}", (c) => c.json({ id: Number(c.req.param("id")), query: c.req.queries("tag") }));
  books.on(["PUT", "PATCH"], "/:id", async (c) => c.json({ method: c.req.method, ...(await c.req.json()) }));
  app.route("/api/books", books);

  app.get("/env", (c) => c.text(c.env.NAME));
  app.get("/page/*", etag(), (c) => c.html(html\`<p>\${"<" + c.req.path.slice(-1) + ">"}</p>\`));
  app.post("/form", async (c) => {
    const form = await c.req.parseBody({ all: true });
    const file = form.file as File;
    return c.json({ name: form.name, many: form.many, file: [file.name, file.type, await file.text()] });
  });
  app.post(
    "/valid",
    validator("json", (value, c) => (typeof value.age === "number" ? { age: value.age } : c.text("no age", 422))),
    (c) => c.json(c.req.valid("json")),
  );
  app.post("/small", bodyLimit({ maxSize: 10, onError: (c) => c.text("too much", 413) }), async (c) => c.text(await c.req.text()));

  app.get("/login", async (c) => {
    setCookie(c, "plain", "ä b", { path: "/", httpOnly: true, sameSite: "Lax", maxAge: 60 });
    await setSignedCookie(c, "signed", "42", SECRET);
    return c.json({ token: await sign({ sub: "ada", exp: Math.floor(Date.now() / 1000) + 60 }, SECRET) });
  });
  app.get("/cookies", async (c) => c.json([getCookie(c, "plain"), await getSignedCookie(c, SECRET, "signed"), deleteCookie(c, "plain")]));
  app.get("/me", jwt({ secret: SECRET, alg: "HS256" }), (c) => c.json(c.get("jwtPayload").sub));
  app.get("/basic", basicAuth({ username: "ada", password: "love" }), (c) => c.text("in"));

  app.get("/events", (c) =>
    streamSSE(c, async (events) => {
      for (let id = 0; id < 3; id++) {
        await events.writeSSE({ id: String(id), event: "tick", data: JSON.stringify({ id }) });
        await events.sleep(5);
      }
    }),
  );
  app.get("/text", (c) =>
    streamText(c, async (out) => {
      await out.writeln("one");
      await out.sleep(1);
      await out.write("two");
    }),
  );
  app.get("/bytes", (c) =>
    stream(c, async (out) => {
      for (let n = 0; n < 100; n++) await out.write(new Uint8Array(1_000).fill(n));
    }),
  );
  app.get("/refused", () => {
    throw new HTTPException(403, { message: "not you" });
  });
  app.get("/broken", () => {
    throw new Error("broken");
  });
  app.get("/away", (c) => c.redirect("/app/env", 307));
  app.notFound((c) => c.text("nothing at " + c.req.path, 404));
  app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.json({ error: error.message }, 500)));
  export default app;
`;
await world.push("app", SOURCE, { env: [{ name: "NAME", value: "you" }] });
const call = (path: string, init?: RequestInit) => world.call(`/app${path}`, init);
const json = async (path: string, init?: RequestInit) => JSON.parse((await call(path, init)).text);

describe("a Hono app", () => {
  it("routes by path, method, pattern and mounted app", async () => {
    expect(await json("/api/books")).toEqual([{ id: 1 }]);
    expect(await json("/api/books/7?tag=a&tag=b")).toEqual({ id: 7, query: ["a", "b"] });
    expect(await json("/api/books/7", { method: "PATCH", body: '{"title":"x"}' })).toEqual({
      method: "PATCH",
      title: "x",
    });
    expect(await call("/api/books/seven")).toMatchObject({
      status: 404,
      text: "nothing at /app/api/books/seven",
    });
    expect(await call("/env")).toMatchObject({ text: "you" });
    const { status, headers } = await world.fetch("/app/away", { redirect: "manual" });
    expect([status, headers.get("location")]).toEqual([307, "/app/env"]);
  });

  it("runs its middleware", async () => {
    const { headers, text } = await call("/api/books?pretty", { headers: { origin: "https://example.com" } });
    expect(text).toBe('[\n  {\n    "id": 1\n  }\n]');
    expect(headers.get("access-control-allow-origin")).toBe("https://example.com");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("server-timing")).toMatch(/total;dur=/);
    const preflight = await call("/api/books", {
      method: "OPTIONS",
      headers: { origin: "https://example.com", "access-control-request-method": "PUT" },
    });
    expect(preflight.status).toBe(204);
    expect((await call("/basic")).status).toBe(401);
    expect(await call("/basic", { headers: { authorization: `Basic ${btoa("ada:love")}` } })).toMatchObject({
      text: "in",
    });
  });

  it("answers 304 where the tag is the same", async () => {
    const first = await call("/page/a");
    expect(first.text).toBe("<p>&lt;a&gt;</p>");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]+"$/);
    expect((await call("/page/a", { headers: { "if-none-match": etag } })).status).toBe(304);
  });

  it("takes JSON, forms and files, and refuses what is not valid or too large", async () => {
    expect(
      await json("/valid", {
        method: "POST",
        body: '{"age":3}',
        headers: { "content-type": "application/json" },
      }),
    ).toEqual({ age: 3 });
    expect(
      await call("/valid", { method: "POST", body: "{}", headers: { "content-type": "application/json" } }),
    ).toMatchObject({ status: 422, text: "no age" });
    const form = new FormData();
    form.append("name", "Ada");
    form.append("many", "1");
    form.append("many", "2");
    form.append("file", new File(["grüße"], "hi.txt", { type: "text/plain" }));
    expect(await json("/form", { method: "POST", body: form })).toEqual({
      name: "Ada",
      many: ["1", "2"],
      file: ["hi.txt", "text/plain", "grüße"],
    });
    expect(await call("/small", { method: "POST", body: "little" })).toMatchObject({ text: "little" });
    expect(await call("/small", { method: "POST", body: "far too much" })).toMatchObject({ status: 413 });
  });

  it("sets and reads cookies, signed ones too, and tokens", async () => {
    const login = await call("/login");
    const cookies = login.headers.getSetCookie();
    expect(cookies).toHaveLength(2);
    expect(cookies[0]).toBe("plain=%C3%A4%20b; Max-Age=60; Path=/; HttpOnly; SameSite=Lax");
    const cookie = cookies.map((each) => each.split(";")[0]).join("; ");
    expect(await json("/cookies", { headers: { cookie } })).toEqual(["ä b", "42", "ä b"]);
    expect(await json("/cookies", { headers: { cookie: cookie.replace("42", "43") } })).toMatchObject({
      1: false,
    });
    const { token } = JSON.parse(login.text);
    expect(await json("/me", { headers: { authorization: `Bearer ${token}` } })).toBe("ada");
    expect((await call("/me", { headers: { authorization: `Bearer ${token.slice(0, -2)}xx` } })).status).toBe(
      401,
    );
  });

  it("streams events, text and bytes", async () => {
    const events = await call("/events");
    expect(events.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(events.text).toBe(
      [0, 1, 2].map((id) => `event: tick\ndata: {"id":${id}}\nid: ${id}\n\n`).join(""),
    );
    expect((await call("/text")).text).toBe("one\ntwo");
    const bytes = new Uint8Array(await (await world.fetch("/app/bytes")).arrayBuffer());
    expect([bytes.length, bytes[0], bytes.at(-1)]).toEqual([100_000, 0, 99]);
  });

  it("handles its own errors", async () => {
    expect(await call("/refused")).toMatchObject({ status: 403, text: "not you" });
    expect(await call("/broken")).toMatchObject({ status: 500, text: '{"error":"broken"}', code: undefined });
  });
});
