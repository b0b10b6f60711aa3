import type { Env } from "./bindings/env.ts";
import type { Context } from "./context.ts";
import type { Request } from "./fetch/request.ts";

/** A function's way to answer, whichever of the three ways its module exports it. */
export type Handle = (request: Request, context: Context) => unknown;

/** Thrown for a method that the module has no export for. */
export class MethodNotAllowed {
  readonly allow: string;
  constructor(allow: string) {
    this.allow = allow;
  }
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Finds the handler in a module's exports; a string says why there is none. */
export function resolveHandler(exports: Record<string, unknown>, env: Env): Handle | string {
  const main = exports.default;
  if (typeof main === "function") return (request, context) => main(request, env, context);
  if (typeof main === "object" && main !== null && "fetch" in main) {
    const worker = main as { fetch: unknown };
    if (typeof worker.fetch !== "function")
      return `the default export's "fetch" is ${describe(worker.fetch)}, not a function`;
    return (request, context) =>
      (worker as { fetch: (...values: unknown[]) => unknown }).fetch(request, env, context);
  }
  const byMethod = new Map<string, (...values: unknown[]) => unknown>();
  for (const method of METHODS) {
    const candidate = exports[method];
    if (typeof candidate === "function") byMethod.set(method, candidate as (...values: unknown[]) => unknown);
  }
  if (byMethod.size > 0) return dispatchByMethod(byMethod, env);
  const found = Object.keys(exports);
  if (main !== undefined)
    return `the default export is ${describe(main)}, neither a function nor an object with fetch`;
  return found.length === 0 ? "the module exports nothing" : `the module exports only ${found.join(", ")}`;
}

function dispatchByMethod(byMethod: Map<string, (...values: unknown[]) => unknown>, env: Env): Handle {
  const get = byMethod.get("GET");
  // A server that answers GET answers HEAD (RFC 9110, section 9.3.2).
  if (get !== undefined && !byMethod.has("HEAD")) byMethod.set("HEAD", get);
  const allow = [...byMethod.keys()].join(", ");
  return (request, context) => {
    const handler = byMethod.get(request.method);
    if (handler === undefined) throw new MethodNotAllowed(allow);
    return handler(request, env, context);
  };
}

export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  const kind = typeof value;
  return kind === "undefined" ? "undefined" : `${kind === "object" ? "an" : "a"} ${kind}`;
}
