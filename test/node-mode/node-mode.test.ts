/** Functions in the mode `node`: bundles in a process of Node, with the handlers, bindings and life cycle of isolates. */
import { afterAll, describe, expect, inject, it } from "vitest";
import WebSocket from "ws";
import { loadNodeProgram } from "../../runtime/process/node/node-programs.ts";
import { eventually } from "../harness/eventually.ts";
import type { Source } from "../harness/function-source.ts";
import { startWorld } from "../harness/world.ts";

// A trial has a limit, and a busy machine takes long for the programs.
await loadNodeProgram(inject("nodeCache"));
const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const push = (name: string, source: Source, config: Record<string, unknown> = {}) =>
  world.push(name, source, { mode: "node", ...config });
const json = async (path: string, init?: RequestInit) => JSON.parse((await world.call(path, init)).text);

describe("a function in Node", () => {
  it("uses modules of Node, and is woken by a request", async () => {
    await push(
      "modules",
      `import { createHash } from "node:crypto";
       import { setTimeout as sleep } from "node:timers/promises";
       export default async (request, env, ctx) => {
         await sleep(1);
         const digest = createHash("sha256").update(await request.text()).digest("hex").slice(0, 8);
         return Response.json({ digest, node: process.version, id: ctx.requestId, name: env.NAME, variable: process.env.NAME });
       };`,
      { env: [{ name: "NAME", value: "Ada" }] },
    );
    const answer = await world.call("/modules", { method: "POST", body: "narun" });
    const facts = { digest: expect.any(String), node: process.version, name: "Ada", variable: "Ada" };
    expect(JSON.parse(answer.text)).toMatchObject(facts);
    expect(answer.headers.get("x-request-id")).toBe(JSON.parse(answer.text).id);
    expect(await world.ps("modules")).toMatchObject([{ mode: "node", state: "ready" }]);
  });

  it("has the handlers of isolates: an object with fetch, and a function for each method", async () => {
    await push("worker", `export default { fetch: (request) => new Response(request.method) };`);
    expect(await world.call("/worker", { method: "PUT", body: "x" })).toMatchObject({ text: "PUT" });
    await push(
      "methods",
      `export const GET = () => new Response("got"); export const POST = () => { throw new Error("no"); };`,
    );
    expect(await world.call("/methods")).toMatchObject({ text: "got" });
    const refused = await world.call("/methods", { method: "DELETE" });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, POST, HEAD"]);
    expect(await world.call("/methods", { method: "POST" })).toMatchObject({
      status: 500,
      code: "HANDLER_THREW",
    });
  });

  it("may read no files, start no programs, and see no environment", async () => {
    await push(
      "confined",
      `import { readFileSync, writeFileSync, readdirSync } from "node:fs";
       import { execSync } from "node:child_process";
       import inspector from "node:inspector";
       import { setPriority } from "node:os";
       import sqlite, { backup, DatabaseSync } from "node:sqlite";
       import { Worker } from "node:worker_threads";
       const codeOf = (work) => { try { work(); return "done"; } catch (error) { return error.code; } };
       export default () => Response.json([
         codeOf(() => readFileSync("/etc/hosts")),
         codeOf(() => readdirSync("/")),
         codeOf(() => writeFileSync("/tmp/narun-probe", "x")),
         codeOf(() => execSync("id")),
         codeOf(() => new inspector.Session().connectToMainThread()),
         codeOf(() => new Worker("0", { eval: true })),
         codeOf(() => process.kill(process.ppid, 0)),
         codeOf(() => setPriority(process.ppid, 19)),
         codeOf(() => new DatabaseSync(":memory:")),
         codeOf(() => new sqlite.DatabaseSync(":memory:")),
         codeOf(() => process.getBuiltinModule("node:sqlite").DatabaseSync(":memory:")),
         codeOf(() => backup(undefined, "backup")),
         Object.keys(process.env),
         typeof process.send,
       ]);`,
    );
    const denied = "ERR_ACCESS_DENIED";
    expect(await json("/confined")).toEqual([...Array.from({ length: 12 }, () => denied), [], "undefined"]);
  });

  it("gains nothing by messages of its own to the thread of its instance", async () => {
    await push(
      "forges",
      `import { parentPort } from "node:worker_threads";
       export default (request) => {
         const junk = [undefined, null, {}, "text", new Uint8Array(3), Number.NaN, -1, 2 ** 53, [[]], new ArrayBuffer(9)];
         for (const first of junk) {
           parentPort.postMessage(first);
           for (let op = 0; op < 110; op += 1) if (![9, 21].includes(op)) parentPort.postMessage([op, 10 ** 6, first, first, first]);
         }
         return new Response("still here");
       };`,
    );
    const before = await world.call("/forges");
    expect(before).toMatchObject({ status: 200, text: "still here" });
    expect(await world.call("/forges")).toMatchObject({ status: 200, text: "still here" });
    expect(await world.ps("forges")).toHaveLength(1);
  });

  it("streams bodies of any size both ways", async () => {
    await push(
      "copy",
      `export default (request) => new Response(request.body, { headers: { "x-kind": "copy" } });`,
    );
    const data = Buffer.alloc(3 * 1024 * 1024, "narun");
    const answer = await world.fetch("/copy", { method: "POST", body: data });
    expect(answer.headers.get("x-kind")).toBe("copy");
    expect(Buffer.from(await answer.arrayBuffer()).equals(data)).toBe(true);
    await push(
      "events",
      `export default (request, env, ctx) => {
         let at = 0;
         ctx.trailers.set("x-sum", "3");
         const body = new ReadableStream({
           async pull(controller) {
             await new Promise((resolve) => setTimeout(resolve, 5));
             controller.enqueue(new TextEncoder().encode("data: " + at + "\\n\\n"));
             if (++at === 3) controller.close();
           },
         });
         return new Response(body, { headers: { "content-type": "text/event-stream" } });
       };`,
    );
    expect(await world.call("/events")).toMatchObject({ text: "data: 0\n\ndata: 1\n\ndata: 2\n\n" });
  });

  it("answers with a WebSocketPair, as in workers", async () => {
    await push(
      "chat",
      `export default () => {
         const { 0: client, 1: server } = new WebSocketPair();
         server.accept();
         server.addEventListener("message", ({ data }) => data === "bye" ? server.close(4000, "done") : server.send("you said " + data));
         return new Response(null, { status: 101, webSocket: client });
       };`,
    );
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
});

describe("the bindings of a function in Node", () => {
  it("reach its buckets, stores, subjects and other functions", async () => {
    await world.push(
      "other",
      `export default async (request) => new Response("other got " + (await request.text()));`,
    );
    await push(
      "bound",
      `export default async (request, env) => {
         await env.KV.put("key", { a: 1 });
         const revision = await env.KV.put("text", "x".repeat(300000));
         const conflict = await env.KV.put("text", "y", { ifRevision: revision - 1 }).catch((error) => error.name);
         const info = await env.FILES.put("file", new ReadableStream({ start(c) { c.enqueue(new Uint8Array(200000)); c.close(); } }));
         const stored = await env.FILES.get("file");
         const reply = await env.SUBJECTS.request("questions.one", "how");
         const other = await env.OTHER.fetch("/path", { method: "POST", body: "hello" });
         const { success } = await env.LIMIT.limit({ key: "a" });
         const changes = [];
         for await (const change of env.KV.watch({ prefix: "key" })) { changes.push(change.key); break; }
         const kept = await env.KV.get("key", { type: "json", cacheTtl: 60 });
         return Response.json({
           kept, length: (await env.KV.get("text")).length, conflict, size: info.size, read: (await stored.bytes()).length,
           native: stored.body instanceof ReadableStream, reply: reply.text(), other: await other.text(), success, changes,
         });
       };`,
      {
        bindings: [
          { name: "KV", kv: "bound" },
          { name: "FILES", objects: "bound" },
          { name: "SUBJECTS", publish: ["questions.>"] },
          { name: "OTHER", service: "other" },
          { name: "LIMIT", ratelimit: { limit: 5, periodSeconds: 60 } },
        ],
      },
    );
    world.connection.subscribe("questions.one", (message) => message.respond(`${message.text()} is it`));
    expect(await json("/bound")).toEqual({
      kept: { a: 1 },
      length: 300_000,
      conflict: "KvConflictError",
      size: 200_000,
      read: 200_000,
      native: true,
      reply: "how is it",
      other: "other got hello",
      success: true,
      changes: ["key"],
    });
  });
});

describe("the log of a function in Node", () => {
  it("has the levels of console, the requests, and the author's places", async () => {
    await push("talks", {
      "index.ts": `import { fail } from "./deep.ts";
        export default async (request: Request): Promise<Response> => {
          console.log("first", { a: 1 });
          await new Promise((resolve) => setTimeout(resolve, 2));
          console.warn("second");
          console.debug("third");
          process.stdout.write("fourth\\n");
          setTimeout(() => { throw new Error("late"); }, 1);
          void Promise.reject(new Error("forgotten"));
          if (request.method === "POST") fail();
          return new Response("ok");
        };`,
      "deep.ts": `\nexport function fail(): never {\n  throw new Error("deep");\n}\n`,
    });
    const id = (await world.call("/talks")).headers.get("x-request-id");
    expect(await world.call("/talks", { method: "POST" })).toMatchObject({ status: 500 });
    await eventually(async () => {
      const lines = (await world.logs("talks")).map(({ level, message, request_id }) => [
        level,
        message,
        request_id,
      ]);
      expect(lines).toContainEqual(["info", "first { a: 1 }", id]);
      expect(lines).toContainEqual(["warn", "second", id]);
      expect(lines).toContainEqual(["debug", "third", id]);
      expect(lines).toContainEqual(["info", "fourth", id]);
      const texts = lines.map(([, message]) => String(message));
      expect(texts.find((text) => text.startsWith("Error: deep"))).toContain("deep.ts:3:9");
      expect(texts.find((text) => text.includes("Error: late"))).toContain("index.ts:8");
      expect(texts.find((text) => text.includes("Error: forgotten"))).toContain("nothing handles it");
      expect(texts.join()).not.toMatch(/thread|narun:/);
    });
    expect(await world.call("/talks")).toMatchObject({ text: "ok" });
  });
});

describe("a revision that does not start in Node", () => {
  it("is refused at its push, with the author's place", async () => {
    const broken = `const config: { a?: { b: string } } = {};\nexport const x = config.a!.b;\nexport default () => new Response();`;
    const error = await push("broken", broken).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "TRIAL_FAILED" });
    expect(String(error)).toMatch(/Cannot read properties of undefined/);
    expect(error).toMatchObject({ fields: { stack: expect.stringContaining("index.ts:2:") } });
    await expect(
      push("late", `await new Promise(() => {});\nexport default () => new Response();`, {
        limits: { startMs: 300 },
      }),
    ).rejects.toThrow(/startMs is 300 ms/);
    await expect(
      push("loop", `for (;;);\nexport default () => new Response();`, { limits: { startMs: 300 } }),
    ).rejects.toThrow(/startMs is 300 ms/);
    await expect(push("quits", `process.exit(3);\nexport default () => new Response();`)).rejects.toThrow(
      /exit code 3/,
    );
  });
});
