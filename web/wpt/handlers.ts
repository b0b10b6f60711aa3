/** Replacements of the suite's own request handlers (`*.py`), as far as tests without a page need them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";

type Handler = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => Promise<void>;

/** Values that handlers keep for each other, by keys that the tests choose. */
const stash = new Map<string, unknown>();

/** The handlers by file name: the suite has several copies of one handler in different folders. */
const handlers: Record<string, Handler> = {
  async "authentication.py"(request, response, query) {
    if (request.headers.authorization === `Basic ${btoa("user:password")}`) {
      response.end("Authentication done");
      return;
    }
    response.writeHead(401, { "www-authenticate": `Basic realm="${query.get("realm") ?? "test"}"` });
    response.end("user: user, password: password");
  },

  /** Valid chunks, then invalid bytes. */
  async "bad-chunk-encoding.py"(request, response, query) {
    const { socket } = request;
    const delayMs = Number(query.get("ms") ?? "1000");
    response.setHeader("transfer-encoding", "chunked");
    response.flushHeaders();
    for (let i = Number(query.get("count") ?? "50"); i > 0 && !socket.destroyed; i--) {
      await pause(delayMs);
      response.write("TEST_CHUNK");
    }
    await pause(delayMs);
    socket.end("garbage");
  },

  async "cache.py"(request, response) {
    const etag = '"1"';
    response.writeHead(request.headers["if-none-match"] === etag ? 304 : 200, {
      etag,
      "content-type": "text/plain",
    });
    response.end("lorem ipsum dolor sit amet");
  },

  async "clean-stash.py"(_request, response, query) {
    response.end(stash.delete(query.get("token") ?? "") ? "1" : "0");
  },

  async "dump-authorization-header.py"(request, response) {
    response.setHeader("content-type", "text/html");
    response.end(request.headers.authorization ?? "none");
  },

  async "echo-content.py"(request, response) {
    const body = await buffer(request);
    tellOf(request, response, ["content-length", "content-type"]);
    response.setHeader("content-type", "text/plain");
    response.end(body);
  },

  /** Control characters and characters other than ASCII are returned escaped, so that a test can compare text. */
  async "echo-content-escaped.py"(request, response) {
    const body = await buffer(request);
    tellOf(request, response, ["content-length", "content-type"]);
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.end(Array.from(body, escapeByte).join("").replaceAll("\\x0d\\x0a", "\r\n"));
  },

  async "empty.py"(_request, response) {
    response.end();
  },

  async "infinite-slow-response.py"(_request, response, query) {
    const stateKey = query.get("stateKey") ?? "";
    const abortKey = query.get("abortKey") ?? "";
    if (stateKey !== "") stash.set(stateKey, "open");
    response.writeHead(200, { "content-type": "text/plain" });
    response.write(".".repeat(2_048));
    while (!response.destroyed && !stash.delete(abortKey)) {
      response.write(".");
      await pause(10);
    }
    if (stateKey !== "") stash.set(stateKey, "closed");
    response.end();
  },

  /** Reports in `x-request-*` which of the named headers arrived. */
  async "inspect-headers.py"(request, response, query) {
    for (const name of (query.get("headers") ?? "").split("|").filter((part) => part !== "")) {
      const value = request.headers[name.toLowerCase()];
      if (value !== undefined) response.setHeader(`x-request-${name}`, value);
    }
    response.setHeader("content-type", "text/plain");
    response.end();
  },

  async "method.py"(request, response) {
    const body = await buffer(request);
    tellOf(
      request,
      response,
      ["type", "length", "encoding", "language", "location"].map((what) => `content-${what}`),
    );
    response.end(body);
  },

  async "preflight.py"(request, response, query) {
    if (query.has("clear-stash")) {
      response.end(stash.delete(query.get("token") ?? "") ? "1" : "0");
      return;
    }
    // There is no preflight: platforms on a server send requests to other origins without one.
    response.setHeader("x-did-preflight", "0");
    response.setHeader("x-referrer", request.headers.referer ?? "");
    response.setHeader("x-origin", request.headers.origin ?? "");
    response.end();
  },

  async "redirect.py"(_request, response, query) {
    const token = query.get("token");
    const count = Number(token === null ? 0 : (stash.get(token) ?? 0)) + 1;
    if (token !== null) stash.set(token, count);
    await pause(Number(query.get("delay") ?? "0"));
    const most = query.get("max_count");
    if (token !== null && most !== null && count > Number(most)) {
      response.end(String(count - 1));
      return;
    }
    let location = query.get("location");
    if (location !== null && !query.has("simple") && /^(https?:|(?![a-z][a-z0-9+.-]*:))/i.test(location))
      location += `${location.includes("?") ? "&" : "?"}${query}&count=${count}`;
    response.writeHead(Number(query.get("redirect_status") ?? "302"), {
      ...(location === null ? {} : { location }),
      "content-type": "text/plain",
      "cache-control": "no-cache",
    });
    response.end();
  },

  async "redirect-empty-location.py"(_request, response) {
    response.writeHead(302, { location: "" }).end();
  },

  async "stash-put.py"(_request, response, query) {
    stash.set(query.get("key") ?? "", query.get("value"));
    response.end("done");
  },

  async "stash-take.py"(_request, response, query) {
    const key = query.get("key") ?? "";
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(stash.get(key) ?? null));
    stash.delete(key);
  },

  async "status.py"(request, response, query) {
    const type = query.get("type") ?? "";
    // Codes that no server can send are answered by a closed connection.
    const code = Number(query.get("code") ?? query.get("status") ?? "200");
    if (code < 200 || code > 999) return void response.destroy();
    if (type !== "") response.setHeader("content-type", type);
    response.setHeader("x-request-method", request.method ?? "");
    response.writeHead(code, query.get("text") ?? "OMG");
    response.end(query.get("content") ?? "");
  },

  async "trickle.py"(request, response, query) {
    const delayMs = Number(query.get("ms") ?? "500");
    await buffer(request);
    await pause(delayMs);
    if (!query.has("notype")) response.setHeader("content-type", "text/plain");
    response.flushHeaders();
    for (let i = Number(query.get("count") ?? "50"); i > 0 && !response.destroyed; i--) {
      await pause(delayMs);
      response.write("TEST_TRICKLE\n");
    }
    response.end();
  },
};

/** Answers a request for one of the handlers. False for any other request. */
export function handleRequest(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
  const handler = handlers[url.pathname.split("/").at(-1) ?? ""];
  if (handler === undefined) return false;
  // A test may disconnect in the middle of a body.
  handler(request, response, url.searchParams).catch(() => response.destroy());
  return true;
}

/** Reports the method and some headers of the request in `x-request-*` of the response. */
function tellOf(request: IncomingMessage, response: ServerResponse, names: readonly string[]): void {
  response.setHeader("x-request-method", request.method ?? "");
  for (const name of names) response.setHeader(`x-request-${name}`, request.headers[name] ?? "NO");
}

function escapeByte(byte: number): string {
  if (byte < 0x20 || byte >= 0x7f) return `\\x${byte.toString(16).padStart(2, "0")}`;
  return byte === 0x5c ? "\\\\" : String.fromCharCode(byte);
}
