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
import { type CertificateFiles, type CertificatePair, followCertificate } from "./certificate-files.ts";

export interface ServerTls extends CertificatePair {
  /** Where the pair comes from. The files are followed: new connections get a changed certificate, and no call is lost. */
  files?: CertificateFiles;
  /** How often the files are read. Default: 5 s. */
  everyMs?: number;
}

/** How connections are kept. */
export interface KeepAlive {
  /** How long a connection may be without a call. Clients connect again at their next call. Default: 5 min. */
  idleMs: number;
  /** How often a client is asked whether it is there. Default: a minute. */
  pingMs: number;
  /** How often a client may ask while it has no call. Default: 5 s. */
  clientPingMs: number;
  /**
   * How old a connection gets, a tenth more or less, so that clients spread over gateways that came later: their calls go on, and
   * the next ones take another connection. 0: without a bound. Default: 30 min.
   */
  maxAgeMs: number;
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
  keepAlive?: Partial<KeepAlive> | undefined;
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
const KEEP_ALIVE: KeepAlive = {
  idleMs: 300_000,
  pingMs: 60_000,
  clientPingMs: 5_000,
  maxAgeMs: 1_800_000,
};
/** The part by which ages differ: connections that came together do not go together. */
const AGE_JITTER = 0.1;

/** How many pings may come too early before a connection ends. */
const MAX_STRIKES = 3;
const TOO_MANY_PINGS = Buffer.from("too_many_pings");

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

export function createGrpcServer({ tls, keepAlive, serve, log }: ServerOptions): GrpcServer {
  const sessions = new Set<ServerHttp2Session>();
  const server = tls === undefined ? createServer(SETTINGS) : createTlsServer(tls, log);
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    keepSession(session, { ...KEEP_ALIVE, ...keepAlive });
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

function createTlsServer(tls: ServerTls, log: Log): Http2Server {
  const { cert, key, files, everyMs } = tls;
  const server = createSecureServer({ ...SETTINGS, cert, key, allowHTTP1: false });
  if (files === undefined) return server;
  // Connections that are open keep the certificate that they began with.
  const onChange = (pair: CertificatePair) => server.setSecureContext(pair);
  server.once("close", followCertificate({ files, pair: { cert, key }, onChange, everyMs, log }));
  return server;
}

/** Ends a connection whose client is gone, that has had no call for a while, or whose client asks too often. */
function keepSession(session: ServerHttp2Session, keepAlive: KeepAlive): void {
  const { idleMs, pingMs, clientPingMs, maxAgeMs } = keepAlive;
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  if (maxAgeMs > 0) boundAge(session, maxAgeMs);
  let open = 0;
  let busyAtMs = performance.now();
  session.on("stream", (stream: ServerHttp2Stream) => {
    open += 1;
    stream.once("close", () => {
      open -= 1;
      busyAtMs = performance.now();
    });
  });
  const isTooOften = createPingCount(clientPingMs);
  session.on("ping", () => {
    // Clients with a call also measure their connection by pings.
    if (open > 0 || session.destroyed || !isTooOften()) return;
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, TOO_MANY_PINGS);
    session.close();
  });
  const timer = setInterval(() => {
    if (session.destroyed || session.closed) return;
    if (open === 0 && performance.now() - busyAtMs > idleMs) {
      session.close();
      return;
    }
    const unanswered = setTimeout(() => session.destroy(), pingMs / 2).unref();
    session.ping(() => clearTimeout(unanswered));
  }, pingMs).unref();
  session.once("close", () => clearInterval(timer));
}

/**
 * Ends a connection after its time, as `goAway` does: its calls go on. A GOAWAY that announces the end first, with all streams still
 * welcome, leaves calls of grpc-js without an answer or an error.
 */
function boundAge(session: ServerHttp2Session, maxAgeMs: number): void {
  const ageMs = Math.min(MAX_TIMER_MS, maxAgeMs * (1 + AGE_JITTER * (2 * Math.random() - 1)));
  const timer = setTimeout(() => {
    if (session.destroyed || session.closed) return;
    session.close();
  }, ageMs).unref();
  session.once("close", () => clearTimeout(timer));
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/** Returns a function that is called for each ping, and tells whether too many came too early. */
function createPingCount(everyMs: number): () => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  let strikes = 0;
  return () => {
    const nowMs = performance.now();
    strikes = nowMs - lastMs < everyMs ? strikes + 1 : 0;
    lastMs = nowMs;
    return strikes > MAX_STRIKES;
  };
}
