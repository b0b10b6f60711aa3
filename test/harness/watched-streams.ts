/** A function that reports the fate of its streams, and clients of it. */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { expect } from "vitest";
import { eventually } from "./eventually.ts";
import type { World } from "./world.ts";

/** The handler's observations of its requests, by the query's `n`. */
export interface Seen {
  aborted: string[];
  cancelled: string[];
  failed: string[];
  /** Epoch milliseconds, one for each of `aborted`. */
  abortedAt: number[];
}

/**
 * `/events` streams for ever. `/upload` reads its body. `/unread` waits and never reads its body. `/late` answers with a stream
 * on command, after its client has disconnected.
 */
export const watched = `
  const seen = { aborted: [], abortedAt: [], cancelled: [], failed: [] };
  const controllers = new Set();
  const late = [];
  const stream = (n) => {
    let mine;
    return new ReadableStream({
      start(controller) {
        mine = controller;
        controllers.add(controller);
        controller.enqueue(new TextEncoder().encode("begun"));
      },
      cancel() { controllers.delete(mine); seen.cancelled.push(n); },
    });
  };
  export default async (request, env, ctx) => {
    const { pathname, searchParams } = new URL(request.url);
    const n = searchParams.get("n");
    if (pathname.endsWith("/seen")) return Response.json(seen);
    if (pathname.endsWith("/tell")) {
      for (const controller of controllers) controller.enqueue(new TextEncoder().encode(searchParams.get("text")));
      return new Response(String(controllers.size));
    }
    if (pathname.endsWith("/release")) { for (const one of late.splice(0)) one(); return new Response(); }
    ctx.signal.addEventListener("abort", () => { if (!request.signal.aborted) seen.aborted.push("ctx " + n); });
    request.signal.addEventListener("abort", () => { seen.aborted.push(n); seen.abortedAt.push(Date.now()); });
    if (pathname.endsWith("/late")) await new Promise((resolve) => late.push(resolve));
    if (pathname.endsWith("/unread")) await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (pathname.endsWith("/upload")) {
      try {
        return new Response(String((await request.bytes()).length));
      } catch (error) {
        seen.failed.push(n);
        throw error;
      }
    }
    return new Response(stream(n), { headers: { "content-type": "text/event-stream" } });
  };
`;

export async function seen(world: World, name = "fn"): Promise<Seen> {
  return JSON.parse((await world.call(`/${name}/seen`)).text) as Seen;
}

/** An answer whose head has arrived. */
export async function open(
  world: World,
  path: string,
  options: { base?: string; method?: string; send?: (request: ClientRequest) => void } = {},
): Promise<{ request: ClientRequest; response: IncomingMessage; ended: Promise<"whole" | "broken"> }> {
  const sent = request((options.base ?? world.url("")) + path, {
    method: options.method ?? "GET",
    agent: false,
  });
  if (options.send === undefined) sent.end();
  else options.send(sent);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.on("error", () => undefined);
  sent.on("error", () => undefined);
  const ended = new Promise<"whole" | "broken">((resolve) => {
    response.on("close", () => resolve(response.complete ? "whole" : "broken"));
  });
  return { request: sent, response, ended };
}

export async function begun(
  world: World,
  path: string,
  base?: string,
): Promise<Awaited<ReturnType<typeof open>> & { texts: string[] }> {
  const opened = await open(world, path, base === undefined ? {} : { base });
  const texts: string[] = [];
  opened.response.on("data", (chunk: Buffer) => texts.push(chunk.toString()));
  await eventually(() => expect(texts.join("")).toContain("begun"));
  return { ...opened, texts };
}

/** Resolves when neither the instance nor the gateway has an open request. */
export async function nothingIsLeft(world: World, name = "fn"): Promise<void> {
  await eventually(async () => {
    expect(world.gateway.counts().get(name)).toBeUndefined();
    expect((await world.ps(name)).map(({ inFlight }) => inFlight)).toEqual([0]);
  });
}
