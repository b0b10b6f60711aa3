/** Writes to object stores that end before their bodies do. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { createProbes } from "../harness/probe.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
const run = createProbes(world);
const manager = await jetstreamManager(world.connection.connection);

/** The number of chunks in a store, of complete and of incomplete objects. */
async function chunksOf(store: string): Promise<number> {
  const { state } = await manager.streams.info(`OBJ_${store}`, { subjects_filter: `$O.${store}.C.>` });
  return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
}

const ENDLESS = `new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65_536)); } })`;
/** A body that gives one chunk, then nothing. */
const SILENT = `new ReadableStream({ start(c) { c.enqueue(new Uint8Array(200_000)); } })`;

describe("limits.maxStoreBytes", () => {
  const MIB = 1024 * 1024;
  const bindings = [
    { name: "STORE", objects: "bounded" },
    { name: "KV", kv: "bounded" },
  ];
  const limits = { maxStoreBytes: 4 * MIB };
  const refused = /^STORE_LIMIT: the bucket bounded has \d+ bytes, and limits\.maxStoreBytes is 4194304$/;

  it("ends a write of an object that has no end, and leaves nothing of it", async () => {
    const found = await run(
      `await env.STORE.put("small", "x".repeat(1_000_000));
       try { await env.STORE.put("o", ${ENDLESS}); } catch (error) { return [error.name, error.message]; }`,
      bindings,
      { limits },
    );
    expect(found).toEqual(["STORE_LIMIT", expect.stringMatching(refused)]);
    expect(await chunksOf("bounded")).toBe(8);
  });

  it("refuses a value, while other functions with more room go on, and deletes make room", async () => {
    const fill = `for (let i = 0; ; i++) try { await env.KV.put("k" + i, new Uint8Array(500_000)); } catch (error) { return [i, error.message]; }`;
    expect(await run(fill, bindings, { limits })).toEqual([8, expect.stringMatching(refused)]);
    expect(await run(`await env.KV.put("more", "x"); return env.KV.get("more");`, bindings)).toBe("x");
    const emptied = `for (let i = 0; i < 8; i++) await env.KV.delete("k" + i); await env.KV.put("k", "y"); return env.KV.get("k");`;
    expect(await run(emptied, bindings, { limits })).toBe("y");
  });
});

describe("a write whose body has no end", () => {
  it.each([
    ["that goes on", ENDLESS],
    ["that is silent", SILENT],
  ])("%s ends with its request's time, and leaves nothing", async (what, body) => {
    const store = what.replaceAll(" ", "-");
    await world.push(
      store,
      `export default async (request, env) => { await env.STORE.put("o", ${body}); return new Response("stored"); };`,
      { bindings: [{ name: "STORE", objects: store }], limits: { timeoutMs: 1_000 } },
    );
    expect(await world.call(`/${store}`)).toMatchObject({ status: 504, code: "DEADLINE_EXCEEDED" });
    await eventually(async () => expect(await chunksOf(store)).toBe(0));
  });

  it("ends when the client leaves", async () => {
    const store = "left";
    await world.push(
      store,
      `export default async (request, env) => { await env.STORE.put("o", ${ENDLESS}); return new Response("stored"); };`,
      { bindings: [{ name: "STORE", objects: store }] },
    );
    const leaving = new AbortController();
    const call = fetch(world.url(`/${store}`), { signal: leaving.signal }).catch(() => undefined);
    await eventually(async () => expect(await chunksOf(store)).toBeGreaterThan(0));
    leaving.abort();
    await call;
    await eventually(async () => expect(await chunksOf(store)).toBe(0));
  });

  it("that work after its request begins ends after limits.waitUntilMs, and the function hears why", async () => {
    const store = "late";
    await world.push(
      store,
      `let told = "nothing yet";
       export default (request, env) => {
         if (new URL(request.url).pathname.endsWith("/told")) return new Response(told);
         setTimeout(() => env.STORE.put("o", ${ENDLESS}).catch((error) => { told = error.name + ": " + error.message; }), 200);
         return new Response("later");
       };`,
      { bindings: [{ name: "STORE", objects: store }], limits: { waitUntilMs: 1_000 } },
    );
    expect(await world.call(`/${store}`)).toMatchObject({ status: 200 });
    await eventually(async () =>
      expect(await world.call(`/${store}/told`)).toMatchObject({
        text: 'AbortError: "o" was not stored: its request is over',
      }),
    );
    expect(await chunksOf(store)).toBe(0);
  });
});
