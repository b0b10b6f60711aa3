import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CallContext, CallError } from "../../process/host-calls.ts";
import { createIsolateStreams } from "../../process/isolate-streams.ts";
import { createSubrequests } from "../subrequests.ts";
import { createFetch } from "./fetch.ts";

const limits = { subrequests: 1_000 } as Parameters<typeof createSubrequests>[0]["config"]["limits"];
const subrequests = createSubrequests({ config: { limits }, log: () => undefined });
/** How often the rules of egress were read. */
let rulesRead = 0;
const operations = createFetch({
  config: {
    get egress() {
      rulesRead += 1;
      return ["127.0.0.1"];
    },
  },
  egressDeny: [],
  subrequests,
  log: () => undefined,
});

const seen: string[][] = [];
const server = createServer((request, response) => {
  seen.push(request.rawHeaders);
  request.resume();
  response.end("x");
});
let url = "";
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** A call with arguments that the platform itself never sends. */
async function send(...values: unknown[]): Promise<unknown> {
  const streams = createIsolateStreams({ enter: () => undefined, onViolation: () => undefined });
  const context: CallContext = {
    owner: 1,
    request: undefined,
    signal: new AbortController().signal,
    streams,
  };
  return operations["fetch.send"]?.(values, context);
}

describe("fetch.send", () => {
  it("reads the rules of egress once for all exchanges", async () => {
    for (let n = 0; n < 3; n++) await send("GET", url, "", undefined);
    expect(rulesRead).toBe(1);
  });
});

describe("fetch.send, of an isolate that has tampered with its platform", () => {
  it.each([
    ["no method", () => [undefined, url, "", undefined]],
    ["a method that tunnels", () => ["CONNECT", url, "", undefined]],
    ["a method that ends the line", () => ["GET / HTTP/1.1\r\nX: y\r\n\r\nGET", url, "", undefined]],
    ["a method that is an object", () => [{ toString: () => "GET" }, url, "", undefined]],
    ["a very long method", () => ["A".repeat(101), url, "", undefined]],
    ["no URL", () => ["GET", undefined, "", undefined]],
    ["a URL that is an object", () => ["GET", { href: url }, "", undefined]],
    ["a file", () => ["GET", "file:///etc/passwd", "", undefined]],
    ["a very long URL", () => ["GET", url + "x".repeat(70_000), "", undefined]],
    ["no header block", () => ["GET", url, undefined, undefined]],
    ["a header name that ends the line", () => ["GET", url, "x\r\ny\n1\n", undefined]],
    ["a header name with a space", () => ["GET", url, "x y\n1\n", undefined]],
    ["a header without a name", () => ["GET", url, "\n1\n", undefined]],
    ["a header value that ends the line", () => ["GET", url, "x\n1\r\ny: 2\n", undefined]],
    ["a header value with a zero", () => ["GET", url, "x\n\0\n", undefined]],
    ["a header value that is no bytes", () => ["GET", url, "x\n\u0100\n", undefined]],
    ["giant headers", () => ["GET", url, `x\n${"y".repeat(300_000)}\n`, undefined]],
    ["a body that is an object", () => ["POST", url, "", { length: 1 }]],
    ["a body that is too long to cross in one piece", () => ["POST", url, "", "x".repeat(300_000)]],
    ["the same, in characters of three bytes", () => ["POST", url, "", "\u20ac".repeat(100_000)]],
    ["the same, as bytes", () => ["POST", url, "", new ArrayBuffer(300_000)]],
  ])("refuses %s", async (_what, values) => {
    const before = seen.length;
    await expect(send(...values())).rejects.toBeInstanceOf(CallError);
    expect(seen.length).toBe(before);
  });

  it("leaves out fields that would change the connection, or lie about the body", async () => {
    seen.length = 0;
    const block =
      "host\nevil.example\nConnection\nupgrade\nupgrade\nwebsocket\nTransfer-Encoding\nchunked\ncontent-length\n99\n" +
      "keep-alive\nx\nte\ntrailers\ntrailer\nx\nexpect\n100-continue\nproxy-connection\nx\nx-kept\n1\n";
    await send("POST", url, block, "body", 99);
    const names = seen[0]?.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names?.sort()).toEqual([
      "accept",
      "accept-encoding",
      "accept-language",
      "connection",
      "content-length",
      "host",
      "user-agent",
      "x-kept",
    ]);
    expect(seen[0]?.[seen[0].findIndex((name) => name.toLowerCase() === "content-length") + 1]).toBe("4");
    expect(seen[0]?.[seen[0].findIndex((name) => name.toLowerCase() === "host") + 1]).toBe(new URL(url).host);
  });

  it("sends cookies in one line", async () => {
    seen.length = 0;
    await send("GET", url, "cookie\na=1\nx-kept\n1\nCookie\nb=2\nx-kept\n2\n", undefined);
    const valuesOf = (name: string) =>
      seen[0]?.filter((_, index, fields) => index % 2 === 1 && fields[index - 1]?.toLowerCase() === name);
    expect(valuesOf("cookie")).toEqual(["a=1; b=2"]);
    expect(valuesOf("x-kept")).toEqual(["1", "2"]);
  });

  it("refuses invalid arguments of an integrity check", async () => {
    const context = { signal: new AbortController().signal } as CallContext;
    const matches = async (...values: unknown[]) => operations["fetch.matches"]?.(values, context);
    await expect(matches(1, new ArrayBuffer())).rejects.toBeInstanceOf(CallError);
    await expect(matches("sha256-x", "text")).rejects.toBeInstanceOf(CallError);
    await expect(matches("sha256-x", new ArrayBuffer(17 * 1024 * 1024))).rejects.toBeInstanceOf(CallError);
    expect(await matches("sha1-x unknown", new ArrayBuffer(1))).toBe(true);
    expect(await matches("sha256-AAAA", new ArrayBuffer(1))).toBe(false);
  });
});

describe("sub-requests", () => {
  it("are counted for each request, and by the minute for work of no request", () => {
    let nowMs = 0;
    const lines: [string, string | undefined][] = [];
    const { count } = createSubrequests({
      config: { limits: { ...limits, subrequests: 2 } },
      log: (...line) => lines.push(line),
      nowMs: () => nowMs,
    });
    const request = (id: string) => ({ id, endsAtMs: 0 });
    const tryCount = (owner: number, id?: string) => {
      try {
        count({ owner, request: id === undefined ? undefined : request(id) });
        return true;
      } catch (error) {
        return error instanceof CallError ? error.name : error;
      }
    };
    expect([tryCount(1, "a"), tryCount(2, "b"), tryCount(1, "a"), tryCount(1, "a")]).toEqual([
      ...[true, true, true],
      "SUBREQUEST_LIMIT",
    ]);
    // After its end the request keeps the rest of its budget.
    expect([tryCount(2), tryCount(2)]).toEqual([true, "SUBREQUEST_LIMIT"]);
    // Work of no request, and of an unknown one.
    expect([tryCount(0), tryCount(7), tryCount(0), tryCount(8)]).toEqual([
      ...[true, true],
      ...["SUBREQUEST_LIMIT", "SUBREQUEST_LIMIT"],
    ]);
    nowMs += 60_000;
    expect(tryCount(0)).toBe(true);
    expect(lines.map(([, id]) => id)).toEqual(["a", undefined, undefined]);
  });
});
