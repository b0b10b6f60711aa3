/**
 * The types of a function, and of `serve` for programs of one's own. The module has no code: `import type { Handler } from "narun"` leaves no trace in the bundle.
 * `Request` and `Response` are the platform's own.
 */

import type { Context } from "./context.ts";
import type { ServedApp, ServedConsumer, ServedHandler, ServeOptions, UpgradedWebSocket } from "./serve.ts";

/** An `env` of plain values. `narun types` writes one with bindings: `import type { Env } from "./narun-env.d.ts"`. */
export type Env = Readonly<Record<string, string>>;

/**
 * Answers a request. The default export may be a handler. An export with the name of a method (`export const GET: Handler`)
 * answers that method. `E` is the function's `Env`, or the part of it that the handler uses.
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
  KvGetOptions,
  KvPutOptions,
  KvReadOptions,
  NatsReply,
  ObjectBucket,
  ObjectInfo,
  Publisher,
  RateLimit,
  Service,
  StoredObject,
  StoredValue,
} from "./bindings.ts";
export type { Context } from "./context.ts";
export type {
  NatsAccess,
  ServedApp,
  ServedConsumer,
  ServedHandler,
  ServeOptions,
  UpgradedWebSocket,
} from "./serve.ts";
export type { WebSocketPair } from "./web-sockets.ts";

/**
 * Serves requests to a service by a handler of this Node process, which is not deployed. Resolves when requests can come. Errors:
 * a TypeError for wrong options; those of a connection to NATS; NAME_TAKEN, where a function has the name. A function cannot call
 * it: the build says that `narun` has no such export.
 */
export declare function serve(handler: ServedHandler, options: ServeOptions): Promise<ServedConsumer>;
export declare function serve(app: ServedApp, options: ServeOptions): Promise<ServedConsumer>;

/**
 * Answers a request with a WebSocket, in a process of `serve`. `headers`: further fields of the answer, such as
 * `sec-websocket-protocol`. Throws a TypeError where the request asks for none.
 */
export declare function upgradeWebSocket(
  request: Request,
  options?: { headers?: ConstructorParameters<typeof Headers>[0] },
): UpgradedWebSocket;
