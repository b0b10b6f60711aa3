/** The life of a function in Node: limits, ends, drains, and processes that die. */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, inject, it } from "vitest";
import { loadNodeProgram } from "../../runtime/process/node/node-programs.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

// A trial has a limit, and a busy machine takes long for the programs.
await loadNodeProgram(inject("nodeCache"));
const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const push = (name: string, source: string, config: Record<string, unknown> = {}) =>
  world.push(name, source, { mode: "node", ...config });
const messages = async (name: string) => (await world.logs(name)).map(({ message }) => message).join("\n");

describe("a limit of a function in Node", () => {
  it("ends the wait for an answer, and the handler hears of it", async () => {
    const source = `export default (request) => request.method === "GET" ? new Response("up") : new Promise(() => {
      request.signal.addEventListener("abort", () => console.log("aborted", request.signal.reason.name));
    });`;
    await push("slow", source, { limits: { timeoutMs: 300 } });
    // The time of a request includes the start that it waits for.
    await eventually(async () => expect(await world.call("/slow")).toMatchObject({ text: "up" }));
    expect(await world.call("/slow", { method: "POST" })).toMatchObject({
      status: 504,
      code: "DEADLINE_EXCEEDED",
    });
    await eventually(async () => expect(await messages("slow")).toContain("aborted TimeoutError"));
    expect(await world.ps("slow")).toHaveLength(1);
  });

  it("ends a loop, and another process takes its place", async () => {
    const source = `export default (request) => {
      if (request.method === "POST") for (;;);
      return new Response(String(process.pid));
    };`;
    await push("loops", source, { limits: { cpuMs: 300 } });
    const before = (await world.ps("loops"))[0]?.instance ?? (await world.call("/loops")).text;
    expect(await world.call("/loops", { method: "POST" })).toMatchObject({ status: 504, code: "CPU_LIMIT" });
    expect(await world.call("/loops")).toMatchObject({ status: 200 });
    expect(await messages("loops")).toContain("limits.cpuMs is 300 ms");
    expect((await world.ps("loops"))[0]?.instance).not.toBe(before);
  });

  it("ends a function that takes too much memory, of objects or of buffers", async () => {
    const source = `const kept = [];
    export default async (request) => {
      if (request.method === "POST") for (;;) { kept.push(Array.from({ length: 10000 }, (_, at) => ({ at }))); await 0; }
      if (request.method === "PUT") for (;;) { kept.push(Buffer.alloc(8 * 1024 * 1024, 1)); await new Promise((resolve) => setTimeout(resolve)); }
      return new Response("ok");
    };`;
    await push("grows", source, { limits: { memoryMb: 64, cpuMs: 30_000 } });
    expect(await world.call("/grows", { method: "POST" })).toMatchObject({
      status: 502,
      code: "MEMORY_LIMIT",
    });
    expect(await world.call("/grows")).toMatchObject({ text: "ok" });
    expect(await world.call("/grows", { method: "PUT", body: "x" })).toMatchObject({
      status: 502,
      code: "MEMORY_LIMIT",
    });
    expect(await world.call("/grows")).toMatchObject({ text: "ok" });
    expect(await messages("grows")).toContain("limits.memoryMb is 64 MB");
  });
});

describe("the end of a function's process", () => {
  it("is no end of the function: one that exits, and one that is killed, are replaced", async () => {
    const source = `export default (request) => {
      if (request.method === "POST") process.exit(3);
      return new Response(String(process.pid));
    };`;
    await push("ends", source);
    const idNow = async () => (await world.ps("ends"))[0]?.instance;
    expect(await world.call("/ends")).toMatchObject({ status: 200 });
    const first = await idNow();
    expect(await world.call("/ends", { method: "POST" })).toMatchObject({
      status: 502,
      code: "CONSUMER_DIED",
    });
    expect(await messages("ends")).toContain("exit code 3");
    expect(await world.call("/ends")).toMatchObject({ status: 200 });
    const second = await idNow();
    expect(second).not.toBe(first);
    const status = world.statuses("ends").findLast(({ status }) => status === "running");
    expect(status?.instance_id).toBe(second);
    process.kill(status?.pid ?? 0, "SIGKILL");
    await eventually(async () => expect((await world.call("/ends")).status).toBe(200));
    expect(
      world.announcements("ends").some((one) => one.state === "gone" && one.code === "HOST_CRASHED"),
    ).toBe(true);
  });

  it("comes when no request came for long, and leaves no process", async () => {
    await push("sleeps", `export default () => new Response("awake");`, { scale: { idleSeconds: 0.5 } });
    expect(await world.call("/sleeps")).toMatchObject({ text: "awake" });
    const pid = world.statuses("sleeps").findLast(({ status }) => status === "running")?.pid ?? 0;
    await eventually(async () => expect(await world.ps("sleeps")).toEqual([]));
    await eventually(() => expect(() => readFileSync(`/proc/${pid}/stat`)).toThrow());
    expect(await world.call("/sleeps")).toMatchObject({ text: "awake" });
  });

  it("waits for its requests, and for work after the answer, when a new revision takes over", async () => {
    const source = (text: string) => `export default async (request, env, ctx) => {
      if (request.method === "POST") await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true }));
      ctx.waitUntil(new Promise((resolve) => setTimeout(() => { console.log("worked ${text}"); resolve(undefined); }, 100)));
      return new Response("${text}");
    };`;
    await push("drains", source("one"));
    expect(await world.call("/drains")).toMatchObject({ text: "one" });
    const slow = `export default async (request) => {
      if (request.method === "POST") await new Promise((resolve) => setTimeout(resolve, 1500));
      return new Response("old");
    };`;
    await push("drains", slow);
    const open = world.call("/drains", { method: "POST", body: "x" });
    await eventually(() => expect(world.gateway.counts().get("drains")?.inFlight).toBe(1));
    await push("drains", source("two"));
    expect(await world.call("/drains")).toMatchObject({ text: "two" });
    expect(await open).toMatchObject({ text: "old" });
    await eventually(async () => expect(await messages("drains")).toContain("worked one"));
    await eventually(async () => expect(await world.ps("drains")).toHaveLength(1));
  });
});
