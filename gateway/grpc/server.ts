/**
 * The HTTP/2 server of gRPC, without TLS or with it. Frames are read and written here and not by a library of gRPC: the gateway
 * knows no methods, and passes messages on as they came (docs/decisions.md).
 */
import { randomUUID } from "node:crypto";
import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { isRequestId, messageOf } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";

export interface ServerTls {
  /** PEM. */
  cert: string | Buffer;
  key: string | Buffer;
}

/** One request on its HTTP/2 stream. */
export interface IncomingCall {
  stream: ServerHttp2Stream;
  headers: IncomingHttpHeaders;
  /** Names and values alternating, as they came. */
  rawHeaders: string[];
  requestId: string;
  /** Runs a step of the call. A fault costs the call, never the process. */
  guard(step: () => void): void;
}

export interface ServerOptions {
  tls: ServerTls | undefined;
  serve(call: IncomingCall): void;
  log: Log;
}

/** Upper bounds of one connection. */
const MAX_CALLS = 1_000;
/** Bytes and number of the metadata of one call. */
const MAX_METADATA_BYTES = 16 * 1024;
const MAX_METADATA_PAIRS = 256;
/** How many bytes a client may send ahead: on one call, and on all calls of a connection. */
const CALL_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;
/**
 * How many calls a client may reset at once, and each second. Beyond it all calls of its connection end, and a proxy has the calls of
 * many clients on one: deadlines and cancellations are no attack.
 */
const RESET_BURST = 10_000;
const RESETS_PER_SECOND = 2_000;
/** How long a connection may be without a call. Clients connect again at their next call. */
const IDLE_MS = 300_000;
/** How often an idle connection is asked whether its client is still there. */
const PING_MS = 60_000;

const SETTINGS = {
  settings: {
    maxConcurrentStreams: MAX_CALLS,
    maxHeaderListSize: MAX_METADATA_BYTES,
    initialWindowSize: CALL_WINDOW_BYTES,
    enablePush: false,
  },
  maxHeaderListPairs: MAX_METADATA_PAIRS,
  streamResetBurst: RESET_BURST,
  streamResetRate: RESETS_PER_SECOND,
};

export interface GrpcServer {
  readonly server: Http2Server;
  /** Tells all clients that no further calls are taken on their connections. Connections close after their last calls. */
  goAway(): void;
  /** Ends all connections at once. */
  destroy(): void;
  /** The number of open connections. */
  connections(): number;
}

export function createGrpcServer({ tls, serve, log }: ServerOptions): GrpcServer {
  const sessions = new Set<ServerHttp2Session>();
  const server: Http2Server =
    tls === undefined
      ? createServer(SETTINGS)
      : createSecureServer({ ...SETTINGS, ...tls, allowHTTP1: false });
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    keepSession(session);
  });
  server.on(
    "stream",
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
      // An error ends the stream, and its `close` is heard.
      stream.on("error", () => undefined);
      const given = headers["x-request-id"];
      const requestId = isRequestId(given) ? given : randomUUID();
      const guard = (step: () => void) => {
        try {
          step();
        } catch (error) {
          log.error({ requestId, error: messageOf(error) }, "a call failed in the gateway");
          stream.close(constants.NGHTTP2_INTERNAL_ERROR);
        }
      };
      guard(() => serve({ stream, headers, rawHeaders, requestId, guard }));
    },
  );
  // A fault of a client's connection costs the connection, and ends its calls.
  server.on("sessionError", (error: Error) =>
    log.debug({ error: messageOf(error) }, "a gRPC connection failed"),
  );
  server.on("error", (error: Error) => {
    if (server.listening) log.warn({ error: messageOf(error) }, "a gRPC connection was not taken");
  });
  return {
    server,
    goAway: () => {
      for (const session of sessions) if (!session.closed) session.close();
    },
    destroy: () => {
      for (const session of sessions) session.destroy();
    },
    connections: () => sessions.size,
  };
}

/** Ends a connection whose client is gone, or that has had no call for a while. */
function keepSession(session: ServerHttp2Session): void {
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  let open = 0;
  let busyAtMs = performance.now();
  session.on("stream", (stream: ServerHttp2Stream) => {
    open += 1;
    stream.once("close", () => {
      open -= 1;
      busyAtMs = performance.now();
    });
  });
  const timer = setInterval(() => {
    if (session.destroyed || session.closed) return;
    if (open === 0 && performance.now() - busyAtMs > IDLE_MS) {
      session.close();
      return;
    }
    const unanswered = setTimeout(() => session.destroy(), PING_MS / 2).unref();
    session.ping(() => clearTimeout(unanswered));
  }, PING_MS).unref();
  session.once("close", () => clearInterval(timer));
}
