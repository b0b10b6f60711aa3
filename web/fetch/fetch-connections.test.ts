import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { createFetchWorld, echo, startServer } from "./testing/fetch-world.ts";

const world = createFetchWorld();
const MIB = 1024 * 1024;

describe("abort", () => {
  it("before the start rejects with the reason, and connects to nothing", async () => {
    await using server = await startServer(echo);
    expect(
      await world.run(
        `return Promise.all([
           fetch(origin, { signal: AbortSignal.abort() }).catch((error) => [error.name, error instanceof DOMException]),
           fetch(origin, { signal: AbortSignal.abort("own") }).catch((reason) => reason),
           fetch(origin, { signal: AbortSignal.abort(Object.freeze(new TypeError("own"))) }).catch((e) => e.message),
         ])`,
        server.origin,
      ),
    ).toEqual([["AbortError", true], "own", "own"]);
    expect(server.connections).toBe(0);
  });

  it("while it waits for the answer closes the connection", async () => {
    await using server = await startServer(() => undefined);
    const loaded = await world.load(
      `const controller = new AbortController();
       let outcome;
       export default async (request, env) => {
         if (request.url.endsWith("/start"))
           outcome = fetch(env.ORIGIN, { signal: controller.signal }).catch((error) => error.name);
         else controller.abort();
         return new Response(request.url.endsWith("/start") ? "" : await outcome);
       }`,
      { ORIGIN: server.origin },
    );
    await loaded.call({ url: "http://x/start" });
    await eventually(() => expect(server.sockets.size).toBe(1));
    expect(await loaded.call({ url: "http://x/abort" })).toMatchObject({ body: "AbortError" });
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("by a timeout is a TimeoutError", async () => {
    await using server = await startServer(() => undefined);
    expect(
      await world.run(
        `return fetch(origin, { signal: AbortSignal.timeout(30) }).catch((e) => e.name)`,
        server.origin,
      ),
    ).toBe("TimeoutError");
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("while the body streams breaks it with the reason, and closes the connection", async () => {
    await using server = await startServer((_request, response) => {
      response.write("x");
    });
    expect(
      await world.run(
        `const controller = new AbortController();
         const response = await fetch(origin, { signal: controller.signal });
         const reader = response.body.getReader();
         await reader.read();
         const next = reader.read().catch((error) => error.message);
         controller.abort(new Error("own"));
         return [await next, await reader.closed.catch((error) => error.message)];`,
        server.origin,
      ),
    ).toEqual(["own", "own"]);
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("while the request's body streams cancels that", async () => {
    await using server = await startServer((request) => request.on("error", () => undefined).resume());
    expect(
      await world.run(
        `const controller = new AbortController();
         const cancelled = Promise.withResolvers();
         const body = new ReadableStream({
           pull(c) { c.enqueue(new Uint8Array(1000)); }, cancel: () => cancelled.resolve("cancelled") });
         setTimeout(() => controller.abort(), 30);
         const outcome = await fetch(origin, { method: "POST", body, duplex: "half", signal: controller.signal })
           .catch((error) => error.name);
         return [outcome, await cancelled.promise];`,
        server.origin,
      ),
    ).toEqual(["AbortError", "cancelled"]);
    await eventually(() => expect(server.sockets.size).toBe(0));
  });

  it("after the answer, and before its body is read, takes the body away", async () => {
    await using server = await startServer((request, response) =>
      response.end(request.url === "/" ? "x" : ""),
    );
    expect(
      await world.run(
        `const seen = [];
         for (const read of [(r) => r.text(), (r) => r.body.getReader().read(), (r) => r.body.getReader().closed]) {
           const controller = new AbortController();
           const response = await fetch(origin, { signal: controller.signal });
           controller.abort();
           seen.push(await read(response).catch((error) => error.name));
         }
         const controller = new AbortController();
         const { body } = await fetch(origin, { signal: controller.signal });
         const reader = body.getReader();
         controller.abort();
         seen.push(await reader.read().catch((error) => error.name));
         const empty = await fetch(origin + "/empty", { signal: controller.signal }).catch((error) => error.name);
         return [...seen, empty];`,
        server.origin,
      ),
    ).toEqual(Array.from({ length: 5 }, () => "AbortError"));
  });

  it("at once cancels the request's body, with the reason", async () => {
    expect(
      await world.run(
        `let reason;
         const body = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)); }, cancel(why) { reason = why; } });
         const outcome = fetch("http://127.0.0.1:9", { method: "POST", duplex: "half", body, signal: AbortSignal.abort() });
         return [reason?.name, await outcome.catch((error) => error.name)];`,
      ),
    ).toEqual(["AbortError", "AbortError"]);
  });

  it("after the body was read changes nothing", async () => {
    await using server = await startServer(echo);
    expect(
      await world.run(
        `const controller = new AbortController();
         const response = await fetch(origin, { signal: controller.signal });
         const { url } = await response.json();
         controller.abort();
         return url;`,
        server.origin,
      ),
    ).toBe("/");
  });
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe.runIf(hasOpenssl)("https", () => {
  it("is spoken with servers whose certificate is for their name, and signed by somebody who is trusted", async () => {
    const folder = await mkdtemp(join(tmpdir(), "narun-test-tls-"));
    const made = spawnSync(
      "openssl",
      [
        ...[
          "req",
          "-x509",
          "-newkey",
          "rsa:2048",
          "-nodes",
          "-keyout",
          "key.pem",
          "-out",
          "cert.pem",
          "-days",
          "2",
        ],
        ...["-subj", "/CN=tls.example", "-addext", "subjectAltName=DNS:tls.example"],
      ],
      { cwd: folder },
    );
    expect(made.status).toBe(0);
    const [key, cert] = await Promise.all(
      ["key.pem", "cert.pem"].map((name) => readFile(join(folder, name), "utf8")),
    );
    await rm(folder, { recursive: true });
    const server = createTlsServer({ key: key ?? "", cert: cert ?? "" }, (request, response) => {
      response.end((request.socket as TLSSocket).servername);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const code = `return Promise.all(["tls", "other"].map((name) =>
      fetch("https://" + name + ".example:${port}/").then((response) => response.text(), (error) => error.cause.code)))`;
    const create = () =>
      createFetchWorld({ lookup: async () => [{ address: "127.0.0.1", family: 4 }] }).run(code);
    expect(await create()).toEqual(["DEPTH_ZERO_SELF_SIGNED_CERT", "DEPTH_ZERO_SELF_SIGNED_CERT"]);
    const known = getCACertificates("default");
    setDefaultCACertificates([...known, cert ?? ""]);
    try {
      expect(await create()).toEqual(["tls.example", "ERR_TLS_CERT_ALTNAME_INVALID"]);
    } finally {
      setDefaultCACertificates(known);
      server.close();
      server.closeAllConnections();
    }
  });
});

describe("connections", () => {
  it("are kept for the next request", async () => {
    await using server = await startServer(echo);
    await world.run(`for (let i = 0; i < 50; i++) await (await fetch(origin)).json();`, server.origin);
    // undici frees a connection a turn of the event loop after its answer: a request that is faster than that makes another one.
    expect(server.connections).toBeLessThan(5);
  });

  it("are free again though nobody reads a short body", async () => {
    await using server = await startServer(echo);
    expect(
      await world.run(
        `const all = [];
         for (let i = 0; i < 250; i++) all.push((await fetch(origin, { headers: { "x-long": "x".repeat(9000) } })).status);
         return all.length;`,
        server.origin,
      ),
    ).toBe(250);
    expect(server.connections).toBeLessThan(5);
  });

  it("are 100 at a time", async () => {
    let open = 0;
    let most = 0;
    await using server = await startServer(async (_request, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.end();
      }, 20);
    });
    expect(
      await world.run(
        `return (await Promise.all(Array.from({ length: 300 }, () => fetch(origin)))).length`,
        server.origin,
      ),
    ).toBe(300);
    expect(most).toBeLessThanOrEqual(100);
    expect(most).toBeGreaterThan(50);
  });

  it("are taken from long bodies that nobody reads", async () => {
    await using server = await startServer((request, response) => {
      response.write(request.url === "/short" ? "x" : Buffer.alloc(MIB));
      if (request.url === "/short") response.end();
    });
    const impatient = createFetchWorld({ unreadMs: 50 });
    expect(
      await impatient.run(
        `const unread = [];
         for (let i = 0; i < 100; i++) unread.push(await fetch(origin));
         const kept = unread.pop().body.getReader();
         await kept.read();
         const seen = [await (await fetch(origin + "/short")).text()];
         seen.push(await unread[0].text().catch((error) => error.message));
         seen.push((await kept.read()).done);
         return seen;`,
        server.origin,
      ),
    ).toEqual([
      "x",
      expect.stringContaining("was dropped: it was not read, and other requests waited"),
      false,
    ]);
  });

  it("that the server closed just now are no failure of a request that may be sent again", async () => {
    await using server = await startServer((request, response) => {
      // The connection is closed before its second request.
      if (seen.has(request.socket)) return void request.socket.destroy();
      seen.add(request.socket);
      response.end("ok");
    });
    const seen = new WeakSet<object>();
    expect(
      await world.run(
        `const texts = [];
         for (let i = 0; i < 4; i++) texts.push(await fetch(origin).then((r) => r.text(), why));
         return [...texts, await fetch(origin, { method: "POST" }).then((r) => r.text(), (error) => error.name)];`,
        server.origin,
      ),
    ).toEqual(["ok", "ok", "ok", "ok", expect.anything()]);
  });
});
