import { describe, expect, it } from "vitest";
import { PEER_HEARTBEAT_MS, PEER_LOST_MS, subjects } from "../../contracts/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const MIB = 1024 * 1024;
const toEcho = { bindings: [{ name: "ECHO", service: "echo" }], limits: { maxBodyBytes: 64 * MIB } };
const echo = "export default (request) => new Response(request.body)";

describe("a call to another function", () => {
  it("streams bodies larger than any message, both ways at once", { timeout: 120_000 }, async () => {
    await using world = await startWorld();
    await world.push("echo", echo, { limits: toEcho.limits });
    await world.push("front", "export default (request, env) => env.ECHO.fetch(request)", toEcho);
    const body = Buffer.alloc(20 * MIB, "across two functions ");
    const answer = await world.fetch("/front", { method: "POST", body });
    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.bytes()).equals(body)).toBe(true);
  });

  it("reaches a function whose name is no host of a URL", async () => {
    await using world = await startWorld();
    const names = ["123", "99999999999", "0x7f", "a-1", "Mixed_Case"];
    for (const name of names)
      await world.push(name, `export default () => new Response(${JSON.stringify(name)})`);
    await world.push(
      "front",
      `export default async (request, env) => {
         const texts = [];
         for (const name of ${JSON.stringify(names)}) {
           const response = await env["TO_" + name.replaceAll("-", "_").toUpperCase()].fetch("/");
           texts.push(await response.text());
         }
         return Response.json(texts);
       }`,
      {
        bindings: names.map((name) => ({
          name: `TO_${name.replaceAll("-", "_").toUpperCase()}`,
          service: name,
        })),
      },
    );
    expect(JSON.parse((await world.call("/front")).text)).toEqual(names);
  });

  it("gets the parts of an answer as they are written", async () => {
    await using world = await startWorld();
    await world.push(
      "ticks",
      `let controller;
       export default (request) => {
         const { pathname } = new URL(request.url);
         if (pathname.endsWith("/next")) { controller.enqueue(new TextEncoder().encode("tick")); return new Response(); }
         return new Response(new ReadableStream({ start(c) { controller = c; } }));
       }`,
    );
    await world.push(
      "reader",
      `export default async (request, env) => {
      const reader = (await env.TICKS.fetch("/ticks")).body.getReader();
      const parts = [];
      for (let n = 0; n < 3; n++) {
        await env.TICKS.fetch("/ticks/next");
        parts.push(new TextDecoder().decode((await reader.read()).value));
      }
      await reader.cancel();
      return Response.json(parts);
    }`,
      { bindings: [{ name: "TICKS", service: "ticks" }] },
    );
    expect(JSON.parse((await world.call("/reader")).text)).toEqual(["tick", "tick", "tick"]);
  });

  it("goes on after a pause that is longer than a gateway may be silent", async () => {
    await using world = await startWorld();
    await world.push(
      "pauses",
      `let controller;
       export default (request) => {
         const { pathname } = new URL(request.url);
         if (pathname.endsWith("/open")) return new Response(String(controller !== undefined));
         if (pathname.endsWith("/end")) { controller.close(); return new Response(); }
         return new Response(new ReadableStream({ start(c) { controller = c; c.enqueue(new TextEncoder().encode("whole")); } }));
       }`,
      // Each call must reach the instance that holds the open answer.
      // In a host of its own, so that the calling one is another process.
      { scale: { max: 1 }, trust: "apart" },
    );
    await world.push(
      "front",
      `export default async (request, env) => new Response(await (await env.PAUSES.fetch("/pauses")).text())`,
      // The whole pause counts for the head of this answer.
      { bindings: [{ name: "PAUSES", service: "pauses" }], limits: { timeoutMs: 120_000 } },
    );
    const beats = new Map<string, number>();
    world.connection.subscribe(subjects.peerHeartbeatsAll, ({ subject }) => {
      beats.set(subject, (beats.get(subject) ?? 0) + 1);
    });
    await world.connection.flush();
    const answer = world.call("/front");
    const isOpen = async () => expect((await world.call("/pauses/open")).text).toBe("true");
    await eventually(isOpen, { timeoutMs: 30_000 });
    // The calling function and the called one hear each other.
    const enough = PEER_LOST_MS / PEER_HEARTBEAT_MS + 2;
    const areEnough = () =>
      expect([...beats.values()].filter((count) => count >= enough).length).toBeGreaterThanOrEqual(2);
    await eventually(areEnough, { timeoutMs: 60_000 });
    await world.call("/pauses/end");
    expect(await answer).toMatchObject({ status: 200, text: "whole" });
  }, 120_000);

  it.each([
    ["ends", "controller.close()", "whole"],
    ["breaks", `controller.error(new Error("early"))`, "TypeError: the answer's body broke (HANDLER_THREW)"],
  ])("hears of a body that %s with its head", async (_, end, heard) => {
    await using world = await startWorld();
    await world.push(
      "other",
      `export default () => new Response(new ReadableStream({ start(controller) { ${end}; } }))`,
    );
    await world.push(
      "front",
      `export default async (request, env) => {
         const answer = await env.OTHER.fetch("/");
         return new Response(await answer.bytes().then(() => "whole", (error) => String(error)));
       }`,
      { bindings: [{ name: "OTHER", service: "other" }] },
    );
    for (let round = 0; round < 10; round++) expect((await world.call("/front")).text).toBe(heard);
  });

  it("hears of an answer that broke, and tells the other function when it wants no more", async () => {
    await using world = await startWorld();
    await world.push(
      "endless",
      `let cancelled = false;
       export default (request) => {
         const { pathname } = new URL(request.url);
         if (pathname === "/endless/state") return Response.json(cancelled);
         let n = 0;
         return new Response(new ReadableStream({
           pull(controller) {
             if (pathname === "/endless/breaks" && n++ === 3) throw new Error("half-way");
             controller.enqueue(new Uint8Array(10_000));
           },
           cancel() { cancelled = true; },
         }));
       }`,
    );
    await world.push(
      "front",
      `export default async (request, env) => {
      const { searchParams } = new URL(request.url);
      const answer = await env.OTHER.fetch(searchParams.get("path"));
      if (searchParams.has("cancel")) { await answer.body.cancel(); return new Response("cancelled"); }
      return new Response(await answer.bytes().then(() => "whole", (error) => String(error)));
    }`,
      { bindings: [{ name: "OTHER", service: "endless" }] },
    );
    expect((await world.call("/front?path=/endless/breaks")).text).toContain("HANDLER_THREW");
    expect((await world.call("/front?path=/endless&cancel")).text).toBe("cancelled");
    await eventually(async () => expect((await world.call("/endless/state")).text).toBe("true"));
  });
});
