import type { Context } from "./context.ts";

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
