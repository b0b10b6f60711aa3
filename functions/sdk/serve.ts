/** The types of `serve`: a handler in a Node process of one's own, as a service on NATS. They need no types of Node. */
import type { Context } from "./context.ts";

/** A text, or the file that holds it. A file is read at each connect. */
type LoginPart = string | { readonly file: string };

/** How a consumer reaches NATS. A login has one identity: `creds`, `nkey`, `token`, or `user` with `password`. */
export interface NatsAccess {
  /** One server or several, comma-separated. A login in it (`nats://user:password@host`) counts where no other is given. */
  url?: string;
  user?: LoginPart;
  password?: LoginPart;
  token?: LoginPart;
  /** The seed of an nkey. */
  nkey?: LoginPart;
  /** A credentials file. */
  creds?: LoginPart;
  /** For TLS: the certificate authorities that check NATS' certificate, this client's certificate, and its key. */
  ca?: LoginPart;
  cert?: LoginPart;
  key?: LoginPart;
}

export interface ServeOptions {
  /** The name of the service, and its subject: 1 to 63 characters out of A-Z, a-z, 0-9, `_` and `-`. */
  service: string;
  /** The server. Default: `NATS_URL`, else `nats://127.0.0.1:4222`. */
  nats?: string | NatsAccess;
  /** Semver. Default `0.1.0`. */
  version?: string;
  description?: string;
  /** Metadata of the NATS Micro service. Keys that begin with `narun.` are narun's own. */
  metadata?: Readonly<Record<string, string>>;
  /**
   * The paths that gateways send here: `/exact`, or `/prefix/*`. Default: `/<service>` and every path below it. Empty: only
   * other functions and the routes in a gateway's config.yaml reach the service.
   */
  routes?: readonly (string | { path: string; methods?: readonly string[] })[];
  /** Handlers that are under way at a time; further requests wait. Default 50. */
  concurrency?: number;
  /**
   * `timeoutMs` (default 30,000): until the answer begins. `streamMs` (default an hour): how long a body may stream, and a
   * WebSocket stay open. `maxResponseBytes` (default 10 GiB). `waitUntilMs` (default 30,000): for work after the answer.
   */
  limits?: { timeoutMs?: number; streamMs?: number; maxResponseBytes?: number; waitUntilMs?: number };
  /** The second argument of the handler. Default: an empty object. */
  env?: unknown;
  /** An address for Prometheus (`/metrics`). Default: none. */
  metrics?: { host?: string; port: number };
  /**
   * A collector of OpenTelemetry (OTLP over HTTP) that gets a span of each request of a recorded trace, as `run <service>`. The
   * handler finds its place as `traceparent`. `url`: without `/v1/traces`. `headers`: such as a key. Default: no spans are made.
   */
  traces?: { url: string; headers?: Readonly<Record<string, string>> };
  /** SIGTERM, SIGINT and SIGHUP drain the service, and end the process then. Default true. */
  signals?: boolean;
  /** How long requests may go on after a signal. Default 30,000. */
  graceMs?: number;
  /** A handler threw, or its work after the answer. Default: the error is written to stderr. */
  onError?: (error: unknown, requestId: string) => void;
  /** NATS refuses something, or a requirement is missing. Default: a warning of the process. */
  onWarning?: (message: string) => void;
}

/** A handler of one's own. `env`: the option of that name. `context`: `ctx` of functions (`waitUntil`, `signal`, …). */
export type ServedHandler = (
  request: Request,
  env: unknown,
  context: Context,
) => Response | Promise<Response>;

/** A handler with its framework's own types of `env` and `context`, or an object with one: a Hono app, `export default { fetch }`. */
export type ServedApp = AnyHandler | { readonly fetch: AnyHandler };

// Every handler takes `never`.
type AnyHandler = (request: Request, env: never, context: never) => unknown;

/** A consumer that runs. */
export interface ServedConsumer extends AsyncDisposable {
  readonly service: string;
  /** Its id in `narun ps`. */
  readonly instance: string;
  /** The base URL of its metrics, if it has an address for them. */
  readonly metricsUrl: string | undefined;
  /** Its metrics in Prometheus' form, for a program that has a page of its own. */
  metrics(): Promise<string>;
  /** Takes nothing new, finishes its requests within the grace (default 30 s), and closes the connection. */
  close(options?: { graceMs?: number }): Promise<void>;
  /** Resolves when it is closed. */
  readonly closed: Promise<void>;
}

/** A WebSocket, and the response that opens it. */
export interface UpgradedWebSocket {
  /** The server's end. Add listeners before the handler returns: messages come from then on. */
  readonly socket: WebSocket;
  /** To be returned by the handler. */
  readonly response: Response;
}
