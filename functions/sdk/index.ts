/**
 * The types of a function. There is nothing here at run time: `import type { Handler } from "narun"` leaves no trace in
 * the bundle. `Request` and `Response` are the platform's own.
 */

/** The plain values of `env`. With bindings it is what `narun types` writes: `import type { Env } from "./narun-env.d.ts"`. */
export type Env = Readonly<Record<string, string>>;

/** One request's own: `ctx`, the third argument of a handler. */
export interface Context {
  /** The same id as in the answer's `x-request-id` and in the log lines of the request. */
  readonly requestId: string;
  /**
   * Epoch milliseconds after which nobody waits for the beginning of the answer any more (`limits.timeoutMs`). A body that
   * streams may go on (`limits.streamMs`).
   */
  readonly deadline: number;
  /**
   * Aborted when nobody waits for the answer any more (client gone, time over), as `request.signal` is, and when the
   * instance or the gateway drains: half a second later where the answer streams, else when little of its time is left.
   */
  readonly signal: AbortSignal;
  /**
   * Header fields that follow a streamed body (HTTP trailers); they may be set until it ends. Visible ASCII; what says how
   * a body is read (`content-length`, `content-type`, …) is left out. An answer whose body is no stream, one with a
   * `content-length` and one to HTTP/1.0 go without.
   */
  readonly trailers: Headers;
  /**
   * Keeps the instance for work that goes on after the answer, for `limits.waitUntilMs` at most. The client does not
   * wait for it. A rejection is a line of the log.
   */
  waitUntil(work: Promise<unknown>): void;
}

/**
 * Answers a request. A function of this type is a whole function as the default export, or answers one method under
 * that method's name (`export const GET: Handler`). `E` is the function's own `Env`, or names what it relies
 * on of it.
 */
export type Handler<E = Env> = (request: Request, env: E, context: Context) => Response | Promise<Response>;

/** The module worker style: a default export with a `fetch` handler. */
export interface ModuleWorker<E = Env> {
  fetch: Handler<E>;
}
export type {
  BindingValue,
  KvBucket,
  KvChange,
  KvEntry,
  KvPutOptions,
  NatsReply,
  ObjectBucket,
  ObjectInfo,
  Publisher,
  RateLimit,
  Service,
  StoredObject,
  StoredValue,
} from "./bindings.ts";
export type { WebSocketPair } from "./web-sockets.ts";
