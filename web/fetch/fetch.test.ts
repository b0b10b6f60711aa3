import { describe, expect, it } from "vitest";
import { createFetchWorld, echo, startServer } from "./testing/fetch-world.ts";

const world = createFetchWorld();

describe("a request", () => {
  it("goes out with method, path, headers and body", async () => {
    await using server = await startServer(echo);
    const seen = await world.run(
      `const response = await fetch(origin + "/a/b?c=d#e", {
         method: "POST", headers: { "X-Own": "1", "content-type": "text/x" }, body: "häi" });
       return { ...(await response.json()), status: response.status, statusText: response.statusText,
         type: response.type, redirected: response.redirected };`,
      server.origin,
    );
    expect(seen).toMatchObject({
      method: "POST",
      url: "/a/b?c=d",
      body: "häi",
      status: 200,
      statusText: "OK",
      redirected: false,
      type: "basic",
      headers: {
        host: `127.0.0.1:${server.port}`,
        "x-own": "1",
        "content-type": "text/x",
        "content-length": "4",
        accept: "*/*",
        "accept-language": "*",
        "accept-encoding": "gzip, deflate, br",
        "user-agent": "narun",
      },
    });
  });

  it("has the URL without its fragment in the response", async () => {
    await using server = await startServer(echo);
    const urls = `return Promise.all(["#z", "#"].map(async (end) => (await fetch(origin + "/x?y" + end)).url))`;
    expect(await world.run(urls, server.origin)).toEqual([`${server.origin}/x?y`, `${server.origin}/x?y`]);
  });

  it("passes an incoming request on, without the connection's own fields", async () => {
    await using server = await startServer(echo);
    const loaded = await world.load(
      `export default (request, env) => fetch(new Request(env.ORIGIN + "/passed", request))`,
      { ORIGIN: server.origin },
    );
    const answer = await loaded.call({
      method: "PUT",
      headers: [
        ["host", "function.example"],
        ["connection", "close"],
        ["transfer-encoding", "chunked"],
        ["expect", "100-continue"],
        ["x-kept", "yes"],
      ],
      body: Buffer.from("payload"),
    });
    expect(answer.kind).toBe("response");
    const { body } = answer as { body: ArrayBuffer };
    const seen = JSON.parse(Buffer.from(await loaded.read(body)).toString());
    expect(seen).toMatchObject({ method: "PUT", url: "/passed", body: "payload" });
    expect(seen.headers).toMatchObject({
      host: `127.0.0.1:${server.port}`,
      "x-kept": "yes",
      "content-length": "7",
    });
    expect(seen.headers).not.toHaveProperty("expect");
    expect(seen.headers).not.toHaveProperty("transfer-encoding");
  });

  it("keeps header values as bytes, and repeated fields apart", async () => {
    await using server = await startServer((_request, response) => {
      response.writeHead(200, "Very well", [
        ...["set-cookie", "a=1", "set-cookie", "b=2", "x-latin", "caf\u00e9", "x-twice", "1", "x-twice", "2"],
      ]);
      response.end();
    });
    const seen = await world.run(
      `const { headers, statusText } = await fetch(origin);
       return [statusText, headers.getSetCookie(), headers.get("x-latin"), headers.get("x-twice")]`,
      server.origin,
    );
    expect(seen).toEqual(["Very well", ["a=1", "b=2"], "café", "1, 2"]);
  });

  it.each([
    ["fetch()", "TypeError", "fetch: 1 argument required"],
    [`fetch("/relative")`, "TypeError", ""],
    [`fetch("http://u:p@127.0.0.1/")`, "TypeError", ""],
    [`fetch(origin, { method: "GET", body: "x" })`, "TypeError", ""],
    [`fetch("file:///etc/passwd")`, "TypeError", "file: URLs cannot be fetched"],
    [`fetch("about:blank")`, "TypeError", "about: URLs cannot be fetched"],
    [`fetch("blob:http://x/1")`, "TypeError", "names nothing, or was revoked"],
    [`fetch("ftp://127.0.0.1/")`, "TypeError", "ftp: URLs cannot be fetched"],
    [`fetch("http://127.0.0.1:25/")`, "TypeError", "port 25 is blocked"],
  ])("%s rejects", async (call, name, message) => {
    const seen = await world.run(`return ${call}.then(() => "no", why)`, "http://127.0.0.1:9");
    expect(seen).toMatchObject({ name, message: expect.stringContaining(message) });
  });

  it("has the shape of a global operation", async () => {
    expect(
      await world.run(
        `return [fetch.length, fetch.name, Object.getOwnPropertyDescriptor(self, "fetch").enumerable]`,
      ),
    ).toEqual([1, "fetch", true]);
  });
});

describe("a failure", () => {
  it("says that the connection was refused, and where", async () => {
    const closed = await startServer(echo);
    await closed[Symbol.asyncDispose]();
    expect(await world.run(`return fetch(origin).catch(why)`, closed.origin)).toEqual({
      name: "TypeError",
      message: `fetch failed: ${closed.origin} refused the connection (ECONNREFUSED)`,
      code: "ECONNREFUSED",
    });
  });

  it("has the place of the call in its stack", async () => {
    const stack = await world.run(
      `await null;
       const call = () => fetch("http://127.0.0.1:25").catch((error) => error.stack);
       return call();`,
    );
    expect(stack).toMatch(
      /^TypeError: fetch failed: port 25 .*\n +at call \(narun:bundle:\d+:\d+\)\n +at .*narun:bundle/,
    );
  });

  it("says that a name has no address", async () => {
    const nowhere = createFetchWorld({
      lookup: async () => {
        throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
      },
    });
    expect(await nowhere.run(`return fetch("http://nowhere.example/x").catch(why)`)).toEqual({
      name: "TypeError",
      message: "fetch failed: no address is known for nowhere.example (ENOTFOUND)",
      code: "ENOTFOUND",
    });
  });

  it("says that the server closed the connection, and does not send a POST again", async () => {
    let requests = 0;
    await using server = await startServer((request) => {
      requests += 1;
      request.socket.destroy();
    });
    const seen = await world.run(
      `return fetch(origin, { method: "POST", body: "x" }).catch(why)`,
      server.origin,
    );
    expect(seen).toMatchObject({
      name: "TypeError",
      message: expect.stringContaining("closed the connection"),
    });
    expect(requests).toBe(1);
  });

  it("says that what answers speaks no HTTP, or no TLS", async () => {
    await using server = await startServer((request) => request.socket.end("SSH-2.0-none\r\n"));
    expect(await world.run(`return fetch(origin).catch(why)`, server.origin)).toMatchObject({
      message: expect.stringContaining("did not answer in valid HTTP/1.1"),
    });
    expect(
      await world.run(`return fetch(origin.replace("http", "https")).catch(why)`, server.origin),
    ).toMatchObject({ name: "TypeError", message: expect.stringMatching(/^fetch failed: .*https:/) });
  });

  it("breaks the body where the server breaks off", async () => {
    await using server = await startServer((request, response) => {
      response.setHeader("content-length", "1000");
      response.write("x".repeat(10), () => request.socket.destroy());
    });
    expect(
      await world.run(
        `const response = await fetch(origin); return response.text().catch(why)`,
        server.origin,
      ),
    ).toMatchObject({ name: "TypeError", message: expect.stringContaining("closed the connection") });
  });
});

describe("data: URLs", () => {
  it.each([
    ["data:,Hello%2C%20World", "text/plain;charset=US-ASCII", "Hello, World"],
    ["data:text/html;charset=utf-8;base64,PGI+aMOkaTwvYj4=", "text/html;charset=utf-8", "<b>häi</b>"],
    ["data:;charset=utf-8,%C3%A4#fragment", "text/plain;charset=utf-8", "ä"],
    ["data:,a#", "text/plain;charset=US-ASCII", "a"],
    ["data:nonsense,%zz%4", "text/plain;charset=US-ASCII", "%zz%4"],
    ["data:text/plain; base64 ,YQ", "text/plain", "a"],
  ])("%s", async (url, type, text) => {
    expect(
      await world.run(
        `const r = await fetch(${JSON.stringify(url)});
         return [r.status, r.headers.get("content-type"), await r.text()]`,
      ),
    ).toEqual([200, type, text]);
  });

  it("that are not valid reject", async () => {
    expect(
      await world.run(`return Promise.all(["data:x", "data:;base64,*"].map((url) => fetch(url).catch(why)))`),
    ).toEqual([
      expect.objectContaining({ name: "TypeError" }),
      expect.objectContaining({ name: "TypeError" }),
    ]);
  });
});

describe("integrity", () => {
  const sha256 = "sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=";

  it("lets through what fits, and nothing of what does not", async () => {
    await using server = await startServer((_request, response) => response.end("a"));
    expect(
      await world.run(
        `return Promise.all([
           fetch(origin, { integrity: "${sha256}" }).then((response) => response.text()),
           fetch(origin, { integrity: "${sha256.replace("yp", "zp")}" }).catch(why),
         ])`,
        server.origin,
      ),
    ).toEqual([
      "a",
      expect.objectContaining({ name: "TypeError", message: expect.stringContaining("integrity") }),
    ]);
  });
});
