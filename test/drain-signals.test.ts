/** The signals of a drain for functions: of their own instance, as at an update, and of the gateway that sent the request. */
import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const source = (version: string) => `
  const warned = Promise.withResolvers<void>();
  type Context = { signal: AbortSignal };
  export default async (request: Request, _env: unknown, ctx: Context) => {
    const { pathname } = new URL(request.url);
    switch (pathname.split("/").at(-1)) {
      case "version":
        return new Response(${JSON.stringify(version)});
      case "slow":
        // Long after the streams were warned.
        await warned.promise;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return new Response(String(ctx.signal.aborted));
      case "late":
        await warned.promise;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return answer("text/event-stream", request, ctx);
      case "events":
        return answer("Text/Event-Stream; charset=utf-8", request, ctx);
      default:
        return answer("text/plain", request, ctx);
    }
  };
  function answer(type: string, request: Request, ctx: Context) {
    const body = new ReadableStream({
      start(controller) {
        const say = (text: string) => controller.enqueue(new TextEncoder().encode(text));
        say("begun");
        if (type !== "text/plain") request.signal.addEventListener("abort", () => say(" request:" + request.signal.reason.message));
        else request.signal.addEventListener("abort", () => say(" wrong"));
        ctx.signal.addEventListener("abort", () => {
          say(" context:" + ctx.signal.reason.name);
          warned.resolve();
          setTimeout(() => controller.close(), 100);
        });
      },
    });
    return new Response(body, { headers: { "content-type": type } });
  }
`;
const REQUEST = "request:The instance is about to end";
const CONTEXT = "context:AbortError";

describe("a drain", () => {
  it("of an instance is told to what streams; what has yet to be answered is left alone", async () => {
    await world.push("updated", source("v1"));
    const [events, plain] = await Promise.all([
      world.fetch("/updated/events"),
      world.fetch("/updated/plain"),
    ]);
    const slow = world.call("/updated/slow");
    await eventually(() => expect(world.gateway.counts().get("updated")?.inFlight).toBe(3));
    await world.push("updated", source("v2"));
    expect(await world.call("/updated/version")).toMatchObject({ text: "v2" });
    expect(await events.text()).toBe(`begun ${REQUEST} ${CONTEXT}`);
    // A download may run to its end: only its handler is warned, by `ctx.signal`.
    expect(await plain.text()).toBe(`begun ${CONTEXT}`);
    expect(await slow).toMatchObject({ status: 200, text: "false" });
    await world.announced("updated", "gone");
  });

  it("of a gateway is told to what streams by it, also to what begins to meanwhile", async () => {
    const second = await world.startGateway();
    await world.push("asked", source("v1"));
    const call = (path: string) => fetch(`${second.httpUrl}/asked/${path}`);
    const events = await call("events");
    const elsewhere = await world.fetch("/asked/events");
    const waiting = [call("late"), call("slow")] as const;
    await eventually(() => expect(second.counts().get("asked")?.inFlight).toBe(3));
    const drained = second.drain({ graceMs: 30_000 });
    expect(await events.text()).toBe(`begun ${REQUEST} ${CONTEXT}`);
    const [late, slow] = await Promise.all(waiting);
    expect(await late.text()).toBe(`begun ${REQUEST} ${CONTEXT}`);
    expect(await slow.text()).toBe("false");
    await drained;
    // The instance continues, and so does the request through the other gateway.
    expect(await world.call("/asked/version")).toMatchObject({ text: "v1" });
    expect(world.gateway.counts().get("asked")?.inFlight).toBe(1);
    await elsewhere.body?.cancel();
  });
});
