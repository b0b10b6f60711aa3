/** Imitations of the suite's own request handlers (`*.py`), as far as tests without a page ask for them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";

type Handler = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => Promise<void>;

/** By file name: the suite keeps several copies of the same in different folders. */
const handlers: Record<string, Handler> = {
  async "echo-content.py"(request, response) {
    const body = await buffer(request);
    tellOf(request, response);
    response.setHeader("content-type", "text/plain");
    response.end(body);
  },

  /** Control characters and what is not ASCII come back escaped, so that a test can compare text. */
  async "echo-content-escaped.py"(request, response) {
    const body = await buffer(request);
    tellOf(request, response);
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.end(Array.from(body, escapeByte).join("").replaceAll("\\x0d\\x0a", "\r\n"));
  },

  async "empty.py"(_request, response) {
    response.end();
  },

  /** Tells in `x-request-*` which of the named headers came. */
  async "inspect-headers.py"(request, response, query) {
    for (const name of (query.get("headers") ?? "").split("|").filter((part) => part !== "")) {
      const value = request.headers[name.toLowerCase()];
      if (value !== undefined) response.setHeader(`x-request-${name}`, value);
    }
    response.end();
  },

  async "method.py"(request, response) {
    const body = await buffer(request);
    response.setHeader("x-request-method", request.method ?? "");
    response.end(body);
  },

  async "redirect.py"(request, response, query) {
    request.resume();
    const left = Number(query.get("count") ?? "1");
    const location = query.get("location") ?? "";
    response.writeHead(Number(query.get("redirect_status") ?? query.get("status") ?? "302"), {
      location: left > 1 ? `${request.url?.replace(/count=\d+/, `count=${left - 1}`)}` : location,
      "cache-control": "no-cache",
    });
    response.end();
  },

  async "status.py"(_request, response, query) {
    const type = query.get("type") ?? "";
    // What no server can send, it does not.
    const code = Number(query.get("code") ?? query.get("status") ?? "200");
    if (code < 200 || code > 999) return void response.destroy();
    if (type !== "") response.setHeader("content-type", type);
    response.writeHead(code, query.get("text") ?? undefined);
    response.end(query.get("content") ?? "");
  },

  async "trickle.py"(_request, response, query) {
    response.setHeader("content-type", "text/plain");
    for (let i = Number(query.get("count") ?? "50"); i > 0 && !response.destroyed; i--) {
      response.write("TEST_TRICKLE\n");
      await pause(Number(query.get("ms") ?? "500"));
    }
    response.end();
  },
};

/** Answers where one of the handlers is asked for. */
export function handleRequest(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
  const handler = handlers[url.pathname.split("/").at(-1) ?? ""];
  if (handler === undefined) return false;
  // A test that goes away in the middle of a body is none of the server's concern.
  handler(request, response, url.searchParams).catch(() => response.destroy());
  return true;
}

function tellOf(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("x-request-method", request.method ?? "");
  response.setHeader("x-request-content-length", request.headers["content-length"] ?? "NO");
  response.setHeader("x-request-content-type", request.headers["content-type"] ?? "NO");
}

function escapeByte(byte: number): string {
  if (byte < 0x20 || byte >= 0x7f) return `\\x${byte.toString(16).padStart(2, "0")}`;
  return byte === 0x5c ? "\\\\" : String.fromCharCode(byte);
}
