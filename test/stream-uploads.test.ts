import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { nothingIsLeft, open, seen, watched } from "./harness/watched-streams.ts";
import { startWorld } from "./harness/world.ts";

describe("an upload", () => {
  it("may take longer than an asker may be silent, though nothing else streams", async () => {
    await using world = await startWorld();
    await world.push("fn", watched);
    const { response } = await open(world, "/fn/upload?n=slow", {
      method: "POST",
      send: (sent) => {
        const write = async () => {
          for (let n = 0; n < 12; n++) {
            sent.write(Buffer.alloc(100_000));
            await sleep(500);
          }
          sent.end();
        };
        void write();
      },
    });
    expect(response.statusCode).toBe(200);
    expect(Buffer.concat(await response.toArray()).toString()).toBe("1200000");
  });

  it("that its client breaks off breaks for the handler", async () => {
    await using world = await startWorld();
    await world.push("fn", watched);
    const sent = request(world.url("/fn/upload?n=cut"), { method: "POST", agent: false });
    sent.on("error", () => undefined);
    sent.write(Buffer.alloc(300_000));
    await eventually(async () => expect((await world.ps("fn"))[0]?.inFlight).toBe(1));
    sent.destroy();
    await eventually(async () =>
      expect(await seen(world)).toMatchObject({ aborted: ["cut"], failed: ["cut"] }),
    );
    await nothingIsLeft(world);
  });

  it("that nobody reads does not keep its client from the whole answer", async () => {
    await using world = await startWorld();
    await world.push(
      "deaf",
      `export default (request) => {
         let n = 0;
         const body = new ReadableStream({ pull(controller) {
           if (n++ === 30) controller.close();
           else controller.enqueue(new Uint8Array(50_000));
         } });
         if (request.url.endsWith("cancel")) void request.body.cancel();
         return new Response(request.url.endsWith("whole") ? new Uint8Array(1_500_000) : body);
       }`,
      { limits: { maxBodyBytes: 200_000_000 } },
    );
    for (const query of ["", "cancel", "whole"]) {
      // A client that reads the answer after it has sent everything.
      const sent = request(world.url(`/deaf?${query}`), { method: "POST", agent: false });
      const failed = once(sent, "error").then(([error]) => Promise.reject(error as Error));
      failed.catch(() => undefined);
      const answered = once(sent, "response") as Promise<[IncomingMessage]>;
      const block = Buffer.alloc(1_000_000);
      for (let n = 0; n < 20; n++)
        await Promise.race([new Promise((resolve) => sent.write(block, resolve)), failed]);
      sent.end();
      const [response] = await Promise.race([answered, failed]);
      const body = Buffer.concat(await response.toArray());
      expect([query, body.length, response.complete]).toEqual([query, 1_500_000, true]);
    }
    await nothingIsLeft(world, "deaf");
  });

  it("to another function that it does not read is cancelled at its source", async () => {
    await using world = await startWorld();
    await world.push("deaf", `export default () => new Response("no, thanks")`);
    await world.push(
      "front",
      `let cancelled = 0;
       export default async (request, env) => {
         if (request.url.endsWith("state")) return Response.json(cancelled);
         const body = new ReadableStream({
           pull(controller) { controller.enqueue(new Uint8Array(50_000)); },
           cancel() { cancelled += 1; },
         });
         const to = request.url.endsWith("nobody") ? env.NOBODY : env.DEAF;
         const answer = await to.fetch("/", { method: "POST", body, duplex: "half" });
         return new Response(await answer.text());
       }`,
      {
        bindings: [
          { name: "DEAF", service: "deaf" },
          { name: "NOBODY", service: "nobody" },
        ],
      },
    );
    expect((await world.call("/front")).text).toBe("no, thanks");
    await eventually(async () => expect((await world.call("/front?state")).text).toBe("1"));
    await nothingIsLeft(world, "front");
  });
});
