/** KV buckets in `env`, through the whole system. */
import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { createProbes, probe } from "../harness/probe.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
const run = createProbes(world);

describe("kv", () => {
  const bindings = [{ name: "CACHE", kv: "cache" }];

  it("keeps values of every kind", async () => {
    const found = await run(
      `const kv = env.CACHE;
       await kv.put("text", "Grüße");
       await kv.put("json", { a: [1, null] });
       await kv.put("bytes", new Uint8Array([0, 255]));
       await kv.put("stream", new Response("streamed").body);
       await kv.put("empty", "");
       return [
         await kv.get("text"), await kv.get("json", "json"), [...await kv.get("bytes", "bytes")],
         await new Response(await kv.get("stream", "stream")).text(), await kv.get("empty"), await kv.get("missing"),
         (await kv.get("bytes", "arrayBuffer")).byteLength,
       ];`,
      bindings,
    );
    expect(found).toEqual(["Grüße", { a: [1, null] }, [0, 255], "streamed", "", null, 2]);
  });

  it("answers a read with cacheTtl from memory, and knows of its own writes at once", async () => {
    const found = await run(
      `const { CACHE: mine, OTHER: other } = env;
       const long = { cacheTtl: 3600 };
       const all = [];
       await mine.put("kept", "[1]");
       all.push(await mine.get("kept", long), await mine.get("kept-none", long), (await mine.entry("kept", long)).json());
       await other.put("kept", "[2]");
       await other.put("kept-none", "there");
       all.push(await mine.get("kept", long), await mine.get("kept-none", long), await mine.get("kept"));
       const bytes = await mine.get("kept", { type: "bytes", ...long });
       bytes.fill(0);
       all.push(await mine.get("kept", { type: "json", ...long }), (await mine.get("kept", { type: "arrayBuffer", ...long })).byteLength);
       all.push(await new Response(await mine.get("kept", { type: "stream", ...long })).text());
       await mine.put("kept", "[3]");
       all.push(await mine.get("kept", long));
       await mine.delete("kept");
       all.push(await mine.get("kept", long), await mine.entry("kept", long));
       return all;`,
      [...bindings, { name: "OTHER", kv: "cache" }],
    );
    expect(found).toEqual(["[1]", null, [1], "[1]", null, "[2]", [1], 3, "[1]", "[3]", null, null]);
  });

  it("reads anew once a kept value is as old as cacheTtl", async () => {
    const found = await run(
      `const { CACHE: mine, OTHER: other } = env;
       await mine.put("aging", "1");
       const first = await mine.get("aging", { cacheTtl: 1 });
       await other.put("aging", "2");
       for (;;) {
         const next = await mine.get("aging", { cacheTtl: 1 });
         if (next !== first) return [first, next, await mine.get("aging", { cacheTtl: 3600 })];
         await new Promise((resolve) => setTimeout(resolve, 50));
       }`,
      [...bindings, { name: "OTHER", kv: "cache" }],
    );
    expect(found).toEqual(["1", "2", "2"]);
  });

  it("refuses options that it does not have, and names those that it has", async () => {
    const found = await run(
      `const kv = env.CACHE;
       const refusal = (call) => Promise.try(call).catch((error) => error.name + " " + error.message);
       return [
         await refusal(() => kv.put("expires", "x", { expirationTtl: 1 })),
         await refusal(() => kv.put("expires", "x", { ttl: 5 })),
         await refusal(() => kv.create("expires", "x", { ifRevision: 5 })),
         await refusal(() => kv.delete("expires", { revision: 5 })),
         await refusal(() => kv.list({ Prefix: "" })),
         await refusal(() => kv.watch({ only: "x" })),
         await refusal(() => kv.put("expires", "x", 60)),
         await kv.get("expires"),
       ];`,
      bindings,
    );
    const ofPut = "it has ttlSeconds, ifRevision";
    expect(found).toEqual([
      `TypeError KV.put has no option "expirationTtl": ${ofPut}; write { ttlSeconds }`,
      `TypeError KV.put has no option "ttl": ${ofPut}; did you mean "ttlSeconds"?`,
      expect.stringMatching(
        /^TypeError KV.create has no option "ifRevision": it has ttlSeconds; create writes /,
      ),
      'TypeError KV.delete has no option "revision": it has ifRevision; did you mean "ifRevision"?',
      'TypeError KV.list has no option "Prefix": it has prefix, limit, cursor; did you mean "prefix"?',
      'TypeError KV.watch has no option "only": it has prefix, updatesOnly, lifetime, signal; did you mean "updatesOnly"?',
      "TypeError KV.put: the options are an object of ttlSeconds, ifRevision",
      null,
    ]);
  });

  it("is shared by all who declare the bucket", async () => {
    await run(`await env.CACHE.put("shared", "by one")`, bindings);
    expect(await run(`return env.OTHER.get("shared")`, [{ name: "OTHER", kv: "cache" }])).toBe("by one");
    expect(await run(`return env.OTHER.get("shared")`, [{ name: "OTHER", kv: "elsewhere" }])).toBeNull();
  });

  it("compares and sets", async () => {
    const found = await run(
      `const kv = env.CACHE;
       const first = await kv.create("cas", "1");
       const again = await kv.create("cas", "x").catch((error) => [error.name, error.message]);
       const second = await kv.put("cas", "2", { ifRevision: first });
       const late = await kv.put("cas", "x", { ifRevision: first }).catch((error) => [error.name, error instanceof Error]);
       const entry = await kv.entry("cas");
       await kv.delete("cas", { ifRevision: first }).catch((error) => late.push(error.name));
       await kv.delete("cas", { ifRevision: second });
       return [again, late, entry.revision === second, entry.text(), entry.createdAt instanceof Date, await kv.get("cas")];`,
      bindings,
    );
    expect(found).toEqual([
      ["KvConflictError", '"cas" is there already'],
      ["KvConflictError", true, "KvConflictError"],
      true,
      "2",
      true,
      null,
    ]);
  });

  it("lists by prefix and page", async () => {
    const found = await run(
      `const kv = env.LIST;
       for (const key of ["a:1", "a:2", "b", "a:3"]) await kv.put(key, "");
       const pages = [];
       let cursor;
       do {
         const page = await kv.list({ prefix: "a:", limit: 2, cursor });
         pages.push(page.keys.map(({ key }) => key));
         cursor = page.cursor;
       } while (cursor !== undefined);
       return pages;`,
      [{ name: "LIST", kv: "list" }],
    );
    expect(found).toEqual([["a:1", "a:2"], ["a:3"]]);
  });

  it("lets a key end after its time", async () => {
    await run(`await env.CACHE.put("short", "x", { ttlSeconds: 1 })`, bindings);
    await world.push("reader", probe(`return env.CACHE.get("short")`), { bindings });
    await eventually(async () => expect((await world.call("/reader")).text).toBe("null"));
  });

  it("is watched, change by change", async () => {
    const found = await run(
      `const kv = env.WATCHED;
       await kv.put("x.before", "1");
       await kv.put("other", "1");
       const seen = [];
       for await (const change of kv.watch({ prefix: "x." })) {
         seen.push([change.type, change.key, change.type === "put" ? change.text() : null]);
         if (seen.length === 1) { await kv.put("x.ä", "2"); await kv.delete("x.before"); }
         if (seen.length === 3) break;
       }
       return seen;`,
      [{ name: "WATCHED", kv: "watched" }],
    );
    expect(found).toEqual([
      ["put", "x.before", "1"],
      ["put", "x.ä", "2"],
      ["delete", "x.before", null],
    ]);
  });

  it("ends a watch that waits, by return or by signal", async () => {
    const found = await run(
      `const watch = env.WATCHED.watch({ prefix: "nothing" });
       const waiting = watch.next();
       await watch.return();
       const controller = new AbortController();
       const other = env.WATCHED.watch({ prefix: "nothing", signal: controller.signal });
       const aborted = other.next();
       controller.abort();
       return [await waiting, await aborted, await other.next()];`,
      [{ name: "WATCHED", kv: "watched" }],
    );
    expect(found).toEqual([{ done: true }, { done: true }, { done: true }]);
  });

  it("keeps values of up to a message's size, many at a time", async () => {
    const found = await run(
      `const kv = env.LARGE;
       const sizes = [262_144, 262_145, 1_000_000, 8_000_000];
       for (const size of sizes) await kv.put("size-" + size, new Uint8Array(size).fill(size % 251));
       await kv.put("text", "ü".repeat(300_000));
       const read = await Promise.all(sizes.map((size) => kv.get("size-" + size, "bytes")));
       const right = read.map((bytes, i) => bytes.length === sizes[i] && bytes.every((byte) => byte === sizes[i] % 251));
       let count = 0;
       await Promise.all(Array.from({ length: 100 }, async () => { const { length } = await kv.get("size-1000000", "bytes"); count += length; }));
       return [right, (await kv.get("text")) === "ü".repeat(300_000), count];`,
      [{ name: "LARGE", kv: "large" }],
      { limits: { cpuMs: 10_000, memoryMb: 256 } },
    );
    expect(found).toEqual([[true, true, true, true], true, 100_000_000]);
  });

  it("ends a watch with the request that began it, or with the instance", async () => {
    const source = `
      const watches = [];
      export default async (request, env) => {
        const url = new URL(request.url);
        if (url.searchParams.has("begin")) {
          const lifetime = url.searchParams.get("begin");
          const watch = env.WATCHED.watch({ prefix: "lifetime", lifetime });
          const state = { lifetime, isDone: false };
          watches.push(state);
          await env.WATCHED.put("lifetime", lifetime);
          await watch.next();
          watch.next().then(({ done }) => { state.isDone = done; });
        }
        return Response.json(watches);
      };
    `;
    await world.push("lasting", source, { bindings: [{ name: "WATCHED", kv: "watched" }] });
    await world.call("/lasting?begin=request");
    await world.call("/lasting?begin=instance");
    await eventually(async () => {
      const states = JSON.parse((await world.call("/lasting")).text) as unknown[];
      expect(states).toEqual([
        { lifetime: "request", isDone: true },
        { lifetime: "instance", isDone: false },
      ]);
    });
  });

  it("does not let a watch that nobody reads fill the memory", async () => {
    const found = await run(
      `const kv = env.BIG;
       const value = new Uint8Array(1024 * 1024);
       const watch = kv.watch();
       await Promise.all([watch.next(), kv.put("first", value)]);
       for (let i = 0; i < 64; i++) await kv.put("key-" + i, value);
       let count = 0;
       for await (const change of watch) if (++count === 64) break;
       return count;`,
      [{ name: "BIG", kv: "big" }],
      { limits: { memoryMb: 32, cpuMs: 5_000 } },
    );
    expect(found).toBe(64);
  });

  it.each([
    [`kv.get("")`, "TypeError", /not empty/],
    [`kv.get("\\ud800")`, "TypeError", /surrogates/],
    [`kv.get("x".repeat(600))`, "RangeError", /512 bytes; this one has 600/],
    [`kv.put("a", new Uint8Array(9_000_000))`, "RangeError", /max_payload.*9000000/],
    [`kv.put("a")`, "TypeError", /undefined is no value/],
    [`kv.put("a", new Map())`, "TypeError", /stream, or plain data/],
    [`kv.put("a", "b", { ttlSeconds: 0.5 })`, "RangeError", /ttlSeconds/],
    [`kv.put("a", "b", { ifRevision: "1" })`, "RangeError", /ifRevision/],
    [`kv.list({ limit: 5000 })`, "RangeError", /limit is a whole number from 1 to 1000/],
    [`kv.list({ cursor: "next" })`, "TypeError", /cursor/],
  ])("refuses %s", async (call, name, message) => {
    const found = await run(`const kv = env.CACHE; await ${call};`, bindings);
    expect(found).toEqual({ name, message: expect.stringMatching(message) });
  });
});
