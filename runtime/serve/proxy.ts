/**
 * A handler that passes requests on to a plain HTTP server of this machine.
 *
 * I1  Bodies stream both ways: each side is read as fast as the other takes it.
 * I2  A request that may not run twice goes over a connection of its own: a server may close a kept one just as the request
 *     is sent. It may have read the request or not.
 * I3  A WebSocket is connected to the server before its client hears of it.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as sendRequest } from "node:http";
import { Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { createProblem, explainFailure, PROBLEM_CONTENT_TYPE } from "../../contracts/index.ts";
import type { Context } from "../../functions/sdk/index.ts";
import type { Handle } from "../handler/handler-sandbox.ts";
import { upgradeWebSocket } from "../handler/upgrade.ts";

export interface ProxyTarget {
  /** For messages to clients. */
  service: string;
  host: string;
  port: number;
}

export interface ProxyOptions extends ProxyTarget {
  /** The server did not answer a request, or not to its end. */
  onError(error: unknown, requestId: string): void;
}

export interface Proxy {
  readonly handle: Handle;
  close(): void;
}

/** Methods that may run twice (RFC 9110, section 9.2.2). */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS"]);
/** Statuses whose responses have no body (Fetch, section 2.2.3). */
const WITHOUT_BODY = new Set([204, 205, 304]);
/** Fields for one connection (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  ...["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "trailer"],
]);
/** Fields of the handshake, which the client of a WebSocket makes itself. */
const HANDSHAKE = /^(?:host|sec-websocket-(?:key|version|extensions|protocol|accept)|content-length)$/;

export function createProxy(target: ProxyOptions): Proxy {
  const agent = new Agent({ keepAlive: true });
  const pass = (request: Request, context: Context) => passOn(target, agent, request, context);
  return {
    async handle(request, context) {
      if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
        const upgraded = await passSocketOn(target, request);
        if (upgraded !== undefined) return upgraded;
      }
      return pass(request, context);
    },
    close: () => agent.destroy(),
  };
}

async function passOn(
  target: ProxyOptions,
  agent: Agent,
  request: Request,
  context: Context,
): Promise<Response> {
  const isRepeatable = REPEATABLE.has(request.method) && request.body === null;
  for (let attempt = 0; ; attempt += 1) {
    const sent = send(target, isRepeatable && attempt === 0 ? agent : undefined, request);
    try {
      return responseOf(await sent.answer, context, request.signal);
    } catch (error) {
      request.signal.throwIfAborted();
      if (isRepeatable && attempt === 0 && sent.request.reusedSocket) continue;
      target.onError(error, context.requestId);
      return unreachable(target, context);
    }
  }
}

function send(
  { host, port }: ProxyTarget,
  agent: Agent | undefined,
  request: Request,
): { request: ClientRequest; answer: Promise<IncomingMessage> } {
  const { pathname, search } = new URL(request.url);
  const outgoing = sendRequest({
    ...{ host, port, method: request.method, path: pathname + search },
    agent: agent ?? false,
    headers: fieldsOf(request.headers),
    setHost: !request.headers.has("host"),
  });
  const abort = () => outgoing.destroy(new DOMException("The client is gone", "AbortError"));
  request.signal.addEventListener("abort", abort, { once: true });
  outgoing.once("close", () => request.signal.removeEventListener("abort", abort));
  const answer = Promise.withResolvers<IncomingMessage>();
  outgoing.once("response", answer.resolve);
  outgoing.on("error", answer.reject);
  if (request.body === null) outgoing.end();
  else {
    const body = Readable.fromWeb(request.body as unknown as NodeReadableStream<Uint8Array>);
    body.once("error", (error) => outgoing.destroy(error));
    // The server may answer, and close, before it has read the body.
    outgoing.once("close", () => body.destroy());
    body.pipe(outgoing);
  }
  return { request: outgoing, answer: answer.promise };
}

function fieldsOf(headers: Headers): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of headers) if (!HOP_BY_HOP.has(name)) fields[name] = value;
  return fields;
}

function responseOf(incoming: IncomingMessage, context: Context, signal: AbortSignal): Response {
  const { statusCode = 502, rawHeaders } = incoming;
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (!HOP_BY_HOP.has(name.toLowerCase())) headers.append(name, rawHeaders[at + 1] ?? "");
  }
  if (WITHOUT_BODY.has(statusCode)) {
    incoming.resume();
    return new Response(null, { status: statusCode, headers });
  }
  incoming.once("end", () => {
    for (const [name, value] of Object.entries(incoming.trailers)) context.trailers.set(name, value ?? "");
  });
  // A client that leaves cancels the stream, which ends the connection.
  const abort = () => incoming.destroy();
  signal.addEventListener("abort", abort, { once: true });
  incoming.once("close", () => signal.removeEventListener("abort", abort));
  const body = Readable.toWeb(incoming, { type: "bytes" }) as unknown as ReadableStream;
  return new Response(body, { status: statusCode, headers });
}

function unreachable({ service }: ProxyTarget, { requestId }: Context): Response {
  const problem = createProblem(
    "CONSUMER_DIED",
    requestId,
    explainFailure("CONSUMER_DIED", { name: service, kind: "service" }),
  );
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { "content-type": PROBLEM_CONTENT_TYPE },
  });
}

/** Undefined: the server does not take the WebSocket. It is asked by a plain request then, for its answer. */
async function passSocketOn({ host, port }: ProxyTarget, request: Request): Promise<Response | undefined> {
  const { pathname, search } = new URL(request.url);
  const protocols = request.headers.get("sec-websocket-protocol")?.split(/\s*,\s*/) ?? [];
  const headers = Object.fromEntries(
    [...request.headers].filter(([name]) => !HOP_BY_HOP.has(name) && !HANDSHAKE.test(name)),
  );
  const address = `ws://${host.includes(":") ? `[${host}]` : host}:${port}${pathname}${search}`;
  const inner = new WebSocket(address, { protocols, headers } as never);
  inner.binaryType = "arraybuffer";
  const early: MessageEvent[] = [];
  const keep = (event: MessageEvent) => early.push(event);
  inner.addEventListener("message", keep);
  const isOpen = await new Promise<boolean>((resolve) => {
    inner.addEventListener("open", () => resolve(true), { once: true });
    inner.addEventListener("error", () => resolve(false), { once: true });
    inner.addEventListener("close", () => resolve(false), { once: true });
    request.signal.addEventListener("abort", () => inner.close(), { once: true });
  });
  if (!isOpen) return undefined;
  const subprotocol = inner.protocol === "" ? {} : { headers: { "sec-websocket-protocol": inner.protocol } };
  const { socket, response } = upgradeWebSocket(request, subprotocol);
  inner.removeEventListener("message", keep);
  for (const { data } of early) socket.send(data);
  inner.addEventListener("message", ({ data }) => socket.send(data));
  inner.addEventListener("close", ({ code, reason }) => closeLike(socket, code, reason));
  socket.addEventListener("message", ({ data }) => inner.send(data));
  socket.addEventListener("close", ({ code, reason }) => closeLike(inner, code, reason));
  return response;
}

/** Passes a close on. Codes that a program may not send, as 1005 and 1006, become a close without a code. */
function closeLike(socket: Pick<WebSocket, "close">, code: number, reason: string): void {
  if (code === 1000 || (code >= 3000 && code <= 4999)) socket.close(code, reason);
  else socket.close();
}
