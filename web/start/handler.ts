import type { Env, EnvPlan } from "../bindings/env.ts";
import { errorText } from "../console/error-text.ts";
import { decodeUtf8 } from "../encoding/encoding.ts";
import type { Request } from "../fetch/request.ts";
import { Response } from "../fetch/response.ts";
import { TRIGGERS, type Trigger } from "../host/boundary.ts";
import { callTrigger, type Take, type TriggerResult } from "../triggers/handlers.ts";

import type { Context } from "./context.ts";

/** The function that answers a request, for all forms of exports. */
export type Handle = (request: Request, context: Context) => unknown;

/** The handlers of a module: of requests, and of triggers. One of them is there. */
export interface Handlers {
  readonly fetch: Handle;
  trigger(kind: Trigger, request: Request, context: Context): Promise<TriggerResult>;
}

/** Thrown for a request whose handler the module lacks: `fetch`, or that of a trigger. */
export class NoSuchHandler {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Thrown for a method without an export in the module. */
export class MethodNotAllowed {
  readonly allow: string;
  constructor(allow: string) {
    this.allow = allow;
  }
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Finds the handlers in a module's exports. A string is the reason why they do not suffice. `triggers`: the handlers that it needs. */
export function resolveHandlers(
  exports: Record<string, unknown>,
  env: Env,
  { triggers: needed = [], keepsErrors = false }: Pick<EnvPlan, "triggers" | "keepsErrors"> = {},
): Handlers | string {
  const fetch = resolveHandler(exports, env);
  const takes = findTakes(exports);
  const missing = needed.find((name) => !takes.has(name));
  if (missing !== undefined)
    return `narun.yaml has ${KEYS[missing] ?? "a trigger"}, and the module exports no handler "${missing}": write \`export default { async ${missing}(…) { … } }\``;
  if (typeof fetch === "string" && takes.size === 0) return fetch;
  const platform = { Response, decodeUtf8, errorText: keepsErrors ? () => KEPT : errorText };
  return {
    fetch: typeof fetch === "string" ? refuseFetch : fetch,
    trigger(kind, request, context) {
      const take = takes.get(kind);
      if (take === undefined) throw new NoSuchHandler(kind);
      return callTrigger({ trigger: kind, take, request, env, context }, platform);
    },
  };
}

/** Stands for an error in an answer. */
const KEPT = "its text is in the function's log, which is sealed";

/** The handlers of triggers: members of the default export, else exports by their names. */
function findTakes(exports: Record<string, unknown>): ReadonlyMap<string, Take> {
  const found = new Map<string, Take>();
  for (const name of TRIGGERS) {
    const take = memberOf(exports.default, name) ?? memberOf(exports, name);
    if (take !== undefined) found.set(name, take);
  }
  return found;
}

function memberOf(holder: unknown, name: string): Take | undefined {
  if ((typeof holder !== "object" && typeof holder !== "function") || holder === null) return undefined;
  const member = (holder as Record<string, unknown>)[name];
  return typeof member === "function" ? (...values) => Reflect.apply(member, holder, values) : undefined;
}

const KEYS: Readonly<Record<string, string>> = {
  scheduled: "schedule",
  queue: "consume",
  message: "subscribe",
  workflow: "workflow",
};

function refuseFetch(): never {
  throw new NoSuchHandler("fetch");
}

/** Finds the handler of requests. A string is the reason why there is none. */
function resolveHandler(exports: Record<string, unknown>, env: Env): Handle | string {
  const main = exports.default;
  if (isWorker(main)) return resolveWorker(main, env);
  if (typeof main === "function")
    return isClass(main) ? CLASS_REASON : (request, context) => main(request, env, context);
  if (isObject(main) && "fetch" in main)
    return `the default export's "fetch" is ${describe(main.fetch)}, not a function`;
  const byMethod = functionsByMethod(exports);
  if (byMethod.size > 0) return dispatchByMethod(byMethod, env);
  // The exports of a CommonJS module are one object, the default export of the bundle.
  if (isObject(main)) {
    if (isObject(main.default) || typeof main.default === "function") return resolveHandler(main, env);
    const byMethodOfMain = functionsByMethod(main);
    if (byMethodOfMain.size > 0) return dispatchByMethod(byMethodOfMain, env);
  }
  const found = Object.keys(exports);
  if (main !== undefined)
    return `the default export is ${describe(main)}, neither a function nor an object with fetch`;
  return found.length === 0 ? "the module exports nothing" : `the module exports only ${found.join(", ")}`;
}

interface Worker {
  fetch(...values: unknown[]): unknown;
}

/** An object with `fetch`, or a class with `fetch` as a static method. Any other function is a handler itself. */
function isWorker(main: unknown): main is Worker {
  const isHolder = isObject(main) || (typeof main === "function" && isClass(main));
  return isHolder && typeof (main as Partial<Worker>).fetch === "function";
}

function resolveWorker(worker: Worker, env: Env): Handle {
  return (request, context) => worker.fetch(request, env, context);
}

const CLASS_REASON =
  "the default export is a class, of which nothing makes an instance: write `export default new Name()`, or make `fetch` static";

/** Includes classes that a compiler has written as functions for old engines: their instances have `fetch`. */
function isClass(main: object): boolean {
  const { prototype } = main as { prototype?: { fetch?: unknown } };
  return /^class\b/.test(Function.prototype.toString.call(main)) || typeof prototype?.fetch === "function";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function functionsByMethod(exports: Record<string, unknown>): Map<string, (...values: unknown[]) => unknown> {
  const found = new Map<string, (...values: unknown[]) => unknown>();
  for (const method of METHODS) {
    const candidate = exports[method];
    if (typeof candidate === "function") found.set(method, candidate as (...values: unknown[]) => unknown);
  }
  return found;
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
