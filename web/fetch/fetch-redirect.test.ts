import type { RequestListener } from "node:http";
import { describe, expect, it } from "vitest";
import { createFetchWorld, echo, startServer } from "./testing/fetch-world.ts";

const world = createFetchWorld();

/** `/to/STATUS/REST` redirects to REST. Every other request is echoed. */
const redirecting: RequestListener = (request, response) => {
  const [, status, location = ""] = /^\/to\/(\d+)\/(.*)$/.exec(request.url ?? "") ?? [];
  if (status === undefined) return void echo(request, response);
  request.resume();
  response.writeHead(Number(status), { location: decodeURIComponent(location) }).end("moved");
};

const SHOW = `const { method, url, headers, body } = await response.json();
  return { method, url, headers, body, at: new URL(response.url).pathname, redirected: response.redirected };`;

describe("redirects", () => {
  it.each([
    ["GET", 301, "GET"],
    ["GET", 302, "GET"],
    ["GET", 303, "GET"],
    ["GET", 307, "GET"],
    ["GET", 308, "GET"],
    ["POST", 301, "GET"],
    ["POST", 302, "GET"],
    ["POST", 303, "GET"],
    ["POST", 307, "POST"],
    ["POST", 308, "POST"],
    ["PUT", 301, "PUT"],
    ["PUT", 302, "PUT"],
    ["PUT", 303, "GET"],
    ["PUT", 307, "PUT"],
  ])("%s, %i becomes %s", async (method, status, then) => {
    await using server = await startServer(redirecting);
    const body =
      method === "GET" ? "" : `, body: "twice", headers: { "x-own": "1", "content-language": "de" }`;
    const seen = await world.run(
      `const response = await fetch(origin + "/to/${status}/%2Fthere", { method: "${method}"${body} }); ${SHOW}`,
      server.origin,
    );
    const keepsBody = method !== "GET" && then !== "GET";
    expect(seen).toMatchObject({
      method: then,
      url: "/there",
      at: "/there",
      redirected: true,
      body: keepsBody ? "twice" : "",
    });
    const { headers } = seen as { headers: Record<string, string> };
    expect(headers["x-own"]).toBe(method === "GET" ? undefined : "1");
    expect(headers["content-type"]).toBe(keepsBody ? "text/plain;charset=UTF-8" : undefined);
    expect(headers["content-language"]).toBe(keepsBody ? "de" : undefined);
  });

  it("keep HEAD", async () => {
    await using server = await startServer(redirecting);
    expect(
      await world.run(
        `const r = await fetch(origin + "/to/303/%2Fthere", { method: "HEAD" });
         return [r.status, r.url.endsWith("/there"), await r.text(), r.body]`,
        server.origin,
      ),
    ).toEqual([200, true, "", null]);
  });

  it("send a long body again, and one that is a blob", async () => {
    await using server = await startServer(redirecting);
    expect(
      await world.run(
        `return Promise.all(["x".repeat(300000), new Uint8Array(300000), new Blob(["y".repeat(300000)])].map(
           async (body) => {
             const response = await fetch(origin + "/to/308/%2Fthere", { method: "POST", body });
             const { body: sent, headers } = await response.json();
             return [sent.length, headers["content-length"], headers["transfer-encoding"] ?? null];
           }))`,
        server.origin,
      ),
    ).toEqual(Array.from({ length: 3 }, () => [300_000, "300000", null]));
  });

  it("cannot send a stream again", async () => {
    await using server = await startServer(redirecting);
    const call = (status: number) =>
      `fetch(origin + "/to/${status}/%2Fthere", { method: "POST", duplex: "half",
         body: new Blob(["x"]).stream().pipeThrough(new TransformStream()) })`;
    expect(
      await world.run(`return [await ${call(307)}.catch(why), (await ${call(303)}).status]`, server.origin),
    ).toEqual([expect.objectContaining({ message: expect.stringContaining("cannot be sent again") }), 200]);
  });

  it("lose logins at another origin, and keep them at the same", async () => {
    await using other = await startServer(echo);
    await using server = await startServer(redirecting);
    const call = (to: string) =>
      `fetch(origin + "/to/302/${encodeURIComponent(to)}", { headers: { authorization: "a", cookie: "b",
         "x-own": "c" } }).then((response) => response.json()).then(({ headers }) =>
           [headers.authorization ?? null, headers.cookie ?? null, headers["x-own"]])`;
    expect(
      await world.run(`return [await ${call(`${other.origin}/x`)}, await ${call("/x")}]`, server.origin),
    ).toEqual([
      [null, null, "c"],
      ["a", "b", "c"],
    ]);
  });

  it.each([
    ["a relative path", "there", "/a/there"],
    ["a query", "?q=1", "/a/start?q=1"],
    ["bytes that are UTF-8", Buffer.from("/ä").toString("latin1"), "/%C3%A4"],
  ])("are parsed from %s", async (_what, location, path) => {
    await using server = await startServer((request, response) => {
      if (request.url !== "/a/start") return void echo(request, response);
      response.writeHead(302, ["location", location]).end();
    });
    expect(
      await world.run(`return (await (await fetch(origin + "/a/start")).json()).url`, server.origin),
    ).toBe(path);
  });

  it("are given as they are with `manual`, and refused with `error`", async () => {
    await using server = await startServer(redirecting);
    const call = (redirect: string) => `fetch(origin + "/to/302/%2Fthere", { redirect: "${redirect}" })`;
    expect(
      await world.run(
        `const manual = await ${call("manual")};
         return [manual.status, manual.headers.get("location"), await manual.text(), manual.redirected,
           await ${call("error")}.catch(why)]`,
        server.origin,
      ),
    ).toEqual([302, "/there", "moved", false, expect.objectContaining({ name: "TypeError" })]);
  });

  it("are 20 at most", async () => {
    let count = 0;
    await using server = await startServer((request, response) => {
      count += 1;
      const left = Number(request.url?.slice(1));
      if (left === 0) return void response.end("arrived");
      response.writeHead(302, { location: `/${left - 1}` }).end();
    });
    expect(await world.run(`return (await fetch(origin + "/20")).text()`, server.origin)).toBe("arrived");
    expect(count).toBe(21);
    expect(await world.run(`return fetch(origin + "/21").catch(why)`, server.origin)).toMatchObject({
      message: "fetch failed: there were more than 20 redirects",
    });
  });

  it.each([
    ["http://[nonsense", "an invalid URL"],
    ["file:///etc/passwd", "a file: URL"],
    ["data:,x", "a data: URL"],
    ["http://user:secret@127.0.0.1:1/", "a login"],
  ])("to %s fail", async (location, why) => {
    await using server = await startServer((_request, response) => {
      response.writeHead(302, { location }).end();
    });
    expect(await world.run(`return fetch(origin).catch(why)`, server.origin)).toMatchObject({
      name: "TypeError",
      message: expect.stringContaining(why),
    });
  });

  it("without a location are answers", async () => {
    await using server = await startServer((_request, response) => {
      response.writeHead(302).end("nowhere");
    });
    expect(
      await world.run(`const r = await fetch(origin); return [r.status, await r.text()]`, server.origin),
    ).toEqual([302, "nowhere"]);
  });
});
