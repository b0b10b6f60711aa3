/**
 * HTTP in. Hono and its server adapter carry the request here and catch what goes wrong; header fields are read from and
 * written to Node's own objects, as the Fetch API joins repeated ones and adds a content type.
 */
import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import { createProblem, messageOf, PROBLEM_CONTENT_TYPE } from "../contracts/index.ts";
import { beginExchange } from "./exchange.ts";
import { createLinger } from "./linger.ts";
import type { Log } from "./log.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { isUnreadable, type ParserError, unreadableResponse, writeLast } from "./unreadable.ts";
import { serveUpgrade } from "./upgrade.ts";
import { isWebSocketRequest } from "./websocket.ts";

export interface HttpOptions extends ServeOptions {
  log: Log;
}

/** Longer than proxies keep theirs: a connection that is closed under a request that is on its way would lose it. */
const KEEP_ALIVE_MS = 75_000;

export function createHttpServer(options: HttpOptions): Server {
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.all("*", async (c) => {
    await serve(options, beginExchange(c.env.incoming, c.env.outgoing));
    return RESPONSE_ALREADY_SENT;
  });
  app.onError((error) => answerBroken(options, error));
  const listener = getRequestListener(app.fetch as Parameters<typeof getRequestListener>[0], {
    overrideGlobalObjects: false,
    // The rest of a body that was refused is this file's matter.
    autoCleanupIncoming: false,
    hostname: "localhost",
    errorHandler: (error) => answerBroken(options, error),
  });
  const server = createServer({ shouldUpgradeCallback: isWebSocketRequest }, (incoming, outgoing) => {
    void listener(incoming, outgoing);
  });
  const sockets = new Set<Socket>();
  const linger = createLinger(options.isDraining);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // By this method a connection is closed after its last answer, by Node as well.
    socket.destroySoon = () => linger(socket);
  });
  // Node's own does not know connections that it has handed over.
  server.closeAllConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  server.on("upgrade", (incoming, _stream, head) => {
    serveUpgrade(options, incoming, incoming.socket, head).catch((error: unknown) => {
      options.log.error({ error: messageOf(error) }, "an upgrade failed");
      incoming.socket.destroy();
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // Node's own limit of 5 min for a whole request is shorter than a large body may take; `limits.streamMs` bounds that.
  server.requestTimeout = 0;
  server.on("clientError", (error, socket) => answerUnreadable(error, socket as Socket));
  // Node would tell every client to go on with its body; here its length is looked at before.
  server.on("checkContinue", (incoming, outgoing) => void listener(incoming, outgoing));
  return server;
}

/** What Node's parser cannot make a request of: there is no request to answer, only a socket. */
function answerUnreadable(error: ParserError, socket: Socket): void {
  // Every further piece of the same request comes here again.
  if (socket.writableEnded) return;
  if (!isUnreadable(error)) {
    socket.destroy();
    return;
  }
  const requestId = randomUUID();
  writeLast(socket, requestId, unreadableResponse(error, requestId));
}

/** What the adapter cannot make a request of, and what should not have happened. */
function answerBroken({ log }: HttpOptions, error: unknown): Response {
  const isBadRequest = error instanceof RequestError;
  const requestId = randomUUID();
  if (!isBadRequest) log.error({ requestId, error: messageOf(error) }, "a request failed in the gateway");
  const problem = createProblem(isBadRequest ? "BAD_REQUEST" : "INTERNAL", requestId);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { "Content-Type": PROBLEM_CONTENT_TYPE, "X-Request-Id": requestId },
  });
}
