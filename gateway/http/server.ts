/**
 * The HTTP server. Header fields are read from and written to Node's own objects: the Fetch API joins repeated fields, and adds
 * a content type.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { messageOf } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import { isWebSocketRequest } from "../websocket/websocket.ts";
import { Connection, type ConnectionOptions, ConnectionResponse } from "./connection.ts";
import { Exchange } from "./exchange.ts";
import { problemResponse } from "./gateway-response.ts";
import { createLinger } from "./linger.ts";
import type { ServeOptions } from "./passage.ts";
import { serve } from "./serve.ts";
import { isUnreadable, type ParserError, unreadableResponse, writeLast } from "./unreadable.ts";
import { serveUpgrade } from "./upgrade.ts";

export interface HttpOptions extends ServeOptions {
  /** How old a connection gets, about: its next answer is its last one. 0: no bound. Default 30 minutes. */
  maxAgeMs?: number | undefined;
  log: Log;
}

/**
 * How long an idle connection is kept. Proxies keep theirs for a shorter time (Caddy 2 min, nginx 1 min): a connection that is
 * closed under a request on its way loses the request.
 */
const KEEP_ALIVE_MS = 150_000;
/** Default: that of connections of gRPC. */
const MAX_AGE_MS = 1_800_000;

export function createHttpServer(options: HttpOptions): Server {
  const linger = createLinger(options.isDraining);
  const connections = new Map<Socket, Connection>();
  const ofConnections: ConnectionOptions = {
    maxAgeMs: options.maxAgeMs ?? MAX_AGE_MS,
    serve: (incoming, outgoing) => {
      const exchange = new Exchange(incoming, outgoing);
      outgoing.exchange = exchange;
      serve(options, exchange);
    },
    onError: (error, socket) => lose(options.log, socket, error),
  };
  const open = (socket: Socket) => {
    const connection = new Connection(socket, ofConnections);
    connections.set(socket, connection);
    socket.once("close", () => connections.delete(socket));
    // Node, too, closes a connection after its last answer by this method.
    socket.destroySoon = () => linger(socket);
    return connection;
  };
  const connectionOf = (socket: Socket) => connections.get(socket) ?? open(socket);
  const attempt = (socket: Socket, run: () => unknown) => attemptOn(options.log, socket, run);
  const receive = (incoming: IncomingMessage, outgoing: ConnectionResponse) => {
    // Node loses the bytes behind an ignored `Upgrade`. The close tells the client that they were not taken.
    if (incoming.headers.upgrade !== undefined) outgoing.shouldKeepAlive = false;
    connectionOf(incoming.socket).take(incoming, outgoing);
  };

  const server = createServer({
    ServerResponse: ConnectionResponse,
    // Node's own refusal has neither a body nor an id (serve.ts).
    requireHostHeader: false,
    // A request without a body then costs no events of a stream.
    optimizeEmptyRequests: true,
    // HTTP allows to ignore an `Upgrade`. Node would hand over a connection on which an earlier answer is due.
    shouldUpgradeCallback: (incoming) =>
      isWebSocketRequest(incoming) && !connectionOf(incoming.socket).isBusy,
  });
  // Node would end every request of a client that has closed its direction.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on("connection", open);
  server.on("request", receive);
  // Node would send `100 Continue` to every client. Here the announced length is checked before.
  server.on("checkContinue", receive);
  server.on("upgrade", (incoming, _stream, head) => {
    attempt(incoming.socket, () => serveUpgrade(options, incoming, incoming.socket, head));
  });
  server.on("connect", ({ socket }: IncomingMessage) => {
    connectionOf(socket).takeOver(() => attempt(socket, () => refuseTunnel(socket)));
  });
  server.on("clientError", (error, stream) => {
    const socket = stream as Socket;
    // Every further piece of the same request causes the error again.
    if (socket.writableEnded) return;
    if (!isUnreadable(error)) socket.destroy();
    else connectionOf(socket).endWith(() => attempt(socket, () => answerUnreadable(error, socket)));
  });
  // A connection that cannot be taken, for example for lack of file descriptors, does not end the gateway. Before the server
  // listens, `listen` reports the error.
  server.on("error", (error) => {
    if (server.listening) options.log.warn({ error: messageOf(error) }, "a connection was not taken");
  });
  // Node's own method does not know connections that it has handed over.
  server.closeAllConnections = () => {
    for (const socket of connections.keys()) socket.destroy();
  };
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // Node's own limit for a whole request, 5 min, is too short for large bodies. `limits.streamMs` bounds them.
  server.requestTimeout = 0;
  return server;
}

/** The last catch: a fault of the gateway costs the connection on which it occurs, never the process. */
function attemptOn(log: Log, socket: Socket, run: () => unknown): void {
  try {
    run();
  } catch (error) {
    lose(log, socket, error);
  }
}

function lose(log: Log, socket: Socket, error: unknown): void {
  if (!socket.destroyed) log.error({ code: "INTERNAL", error: messageOf(error) }, "a connection is lost");
  socket.destroy();
}

/** Answers input that Node's parser cannot read: there is a socket, and no request. */
function answerUnreadable(error: ParserError, socket: Socket): void {
  const requestId = randomUUID();
  writeLast(socket, requestId, unreadableResponse(error, requestId));
}

/** The gateway is no proxy (RFC 9110, section 9.3.6). */
function refuseTunnel(socket: Socket): void {
  const requestId = randomUUID();
  const allow = ["Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"];
  writeLast(socket, requestId, problemResponse("METHOD_NOT_ALLOWED", requestId, "no tunnels here", allow));
}
