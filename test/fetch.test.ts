/** Requests of functions leave from the host process, bounded by the configurations of the function and of the node. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

async function startUpstream(
  handle: RequestListener,
): Promise<{ origin: string; port: number } & AsyncDisposable> {
  const server = createServer(handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

describe("a function that fetches", () => {
  it("passes requests and responses through, streams included", async () => {
    await using upstream = await startUpstream(async (request, response) => {
      response.writeHead(203, { "x-method": request.method, "x-path": request.url });
      for await (const chunk of request) response.write(chunk);
      response.end();
    });
    await using world = await startWorld();
    await world.push(
      "proxy",
      `export default (request, env) => {
         const { pathname, search } = new URL(request.url);
         return fetch(new Request(env.ORIGIN + pathname.replace("/proxy", "") + search, request));
       };`,
      { env: [{ name: "ORIGIN", value: upstream.origin }], egress: [`127.0.0.1:${upstream.port}`] },
    );
    const body = "0123456789".repeat(300_000);
    const answer = await world.call("/proxy/a/b?c", { method: "PUT", body });
    expect([answer.status, answer.headers.get("x-method"), answer.headers.get("x-path")]).toEqual([
      203,
      "PUT",
      "/a/b?c",
    ]);
    expect(answer.text === body).toBe(true);
  });

  it("reaches nothing on the machine that it was not allowed, nor what the node denies", async () => {
    let calls = 0;
    await using upstream = await startUpstream((_request, response) => {
      calls += 1;
      response.end();
    });
    await using denied = await startUpstream((_request, response) => {
      calls += 1;
      response.end();
    });
    await using world = await startWorld({ egressDeny: [`127.0.0.1:${denied.port}`] });
    const source = `export default async (request) =>
      fetch(new URL(request.url).searchParams.get("to")).then(() => new Response("reached"),
        (error) => new Response(error.message, { status: 418 }));`;
    await Promise.all([
      world.push("closed", source),
      world.push("open", source, { egress: ["127.0.0.0/8"] }),
    ]);
    const ask = (name: string, to: string) => world.call(`/${name}?to=${encodeURIComponent(to)}`);
    const refused = await ask("closed", upstream.origin);
    expect(refused).toMatchObject({
      status: 418,
      text: expect.stringContaining("EGRESS_REFUSED: 127.0.0.1 port"),
    });
    expect(await ask("closed", world.nats.url.replace("nats:", "http:"))).toMatchObject({ status: 418 });
    expect(await ask("open", denied.origin)).toMatchObject({
      status: 418,
      text: expect.stringContaining("deny list"),
    });
    expect(await ask("open", "http://169.254.169.254/")).toMatchObject({ status: 418 });
    expect(calls).toBe(0);
    expect(await ask("open", upstream.origin)).toMatchObject({ status: 200, text: "reached" });
    await eventually(async () => {
      const lines = (await world.logs("closed")).map(({ message, level, request_id }) => ({
        message,
        level,
        request_id,
      }));
      expect(lines).toContainEqual({
        level: "error",
        message: expect.stringMatching(
          /^EGRESS_REFUSED: 127\.0\.0\.1 port \d+ is a loopback address; .egress. in narun.yaml/,
        ),
        request_id: refused.headers.get("x-request-id"),
      });
    });
  });

  it("makes as many requests as limits.subrequests says, for each of its own", async () => {
    await using upstream = await startUpstream((_request, response) => response.end());
    await using world = await startWorld();
    await world.push(
      "many",
      `export default async (request, env) => {
         let count = 0;
         try { for (; count < 10; count++) await fetch(env.ORIGIN); } catch (error) { return new Response(count + " " + error.cause.code); }
         return new Response(count + " all");
       };`,
      {
        env: [{ name: "ORIGIN", value: upstream.origin }],
        egress: ["127.0.0.1"],
        limits: { subrequests: 3 },
      },
    );
    const answers = await Promise.all([1, 2, 3].map(() => world.call("/many")));
    expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 3 }, () => "3 SUBREQUEST_LIMIT"));
    await eventually(async () => {
      const messages = (await world.logs("many")).map(({ message }) => message);
      expect(messages).toContain(
        "SUBREQUEST_LIMIT: the request made 3 requests of its own, and limits.subrequests is 3",
      );
    });
  });
});
