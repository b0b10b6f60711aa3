/**
 * `service({ name, version })`: a function's default export whose actions are requests over NATS and HTTP.
 *
 * S1  A fault of the definition is kept, and refuses the start: the first one counts. Nothing is called before.
 * S2  The handlers of events are there where the service hears events: narun calls no others.
 */
import type { Context } from "../context.ts";
import type { Message, MessageBatch } from "../triggers.ts";
import {
  type Action,
  type ActionOptions,
  type DeclaredError,
  declareErrors,
  defineAction,
} from "./action.ts";
import { callAction } from "./call-action.ts";
import { CallContext, type ErrorTypes, type ServiceContext } from "./context.ts";
import { describe } from "./describe.ts";
import type { Description } from "./description.ts";
import { defineListener, type EventListener, type EventOptions, type ServiceEvent } from "./event.ts";
import { refuseUnknown, ServiceFault } from "./fault.ts";
import { hear, hearBatch } from "./hear.ts";
import { problem } from "./problem.ts";
import { Router } from "./router.ts";
import type { InputOf, OutputOf, StandardSchema } from "./standard-schema.ts";
import { overlap } from "./template.ts";

export interface ServiceOptions<Errors> {
  /** The function's name, and the first token of its subjects. */
  name: string;
  /** Semver of its interface. */
  version: string;
  description?: string;
  /** The services that must run before it starts. */
  requires?: readonly string[];
  /** How requests to it are treated while it is paused. Default `hold`. */
  whenPaused?: "hold" | "refuse";
  /** The errors that its actions throw, by their names. */
  errors?: Errors;
}

/** The values that callers of an action give and get. */
export interface ActionTypes {
  input: unknown;
  output: unknown;
}

type GivenOf<I> = I extends StandardSchema ? InputOf<I> : unknown;
type TakenOf<I> = I extends StandardSchema ? OutputOf<I> : unknown;
type Answer<O> = O extends StandardSchema ? InputOf<O> | Response : unknown;

type Handler<I, O, Errors extends ErrorTypes, E> = (
  input: TakenOf<I>,
  ctx: ServiceContext<Errors, E>,
  env: E,
) => Answer<O> | Promise<Answer<O>>;

type EventHandler<S, Errors extends ErrorTypes, E> = (
  event: ServiceEvent<TakenOf<S>>,
  ctx: ServiceContext<Errors, E>,
  env: E,
) => unknown;

/** Called once in each instance, before its first request, or after its last one. */
type LifeHandler<E> = (env: E) => unknown;

/** A service as the module of a function. */
export interface ServiceFunction<
  Actions extends Readonly<Record<string, ActionTypes>> = Readonly<Record<never, never>>,
  Errors extends ErrorTypes = ErrorTypes,
> {
  /** For types alone: a client is typed by `typeof` of the service. */
  readonly "~types"?: { readonly actions: Actions; readonly errors: Errors };
  /** For narun: the life of the service. */
  readonly "~service": ServiceLife;
  /** Adds an action: a request to its subject, and to its paths over HTTP. */
  action<
    Name extends string,
    I extends StandardSchema | undefined = undefined,
    O extends StandardSchema | undefined = undefined,
    E = unknown,
  >(
    name: Name,
    options: ActionOptions<I, O, keyof Errors & string>,
    handler: Handler<I, O, Errors, E>,
  ): ServiceFunction<
    Actions & {
      readonly [N in Name]: { input: GivenOf<I>; output: O extends StandardSchema ? OutputOf<O> : unknown };
    },
    Errors
  >;
  /** Hears the events on a subject. */
  on<S extends StandardSchema | undefined = undefined, E = unknown>(
    pattern: string,
    options: EventOptions<S>,
    handler: EventHandler<S, Errors, E>,
  ): ServiceFunction<Actions, Errors>;
  on<E = unknown>(
    pattern: string,
    handler: EventHandler<undefined, Errors, E>,
  ): ServiceFunction<Actions, Errors>;
  /** Called in each instance before its first request. An error fails the start. */
  onStart<E = unknown>(handler: LifeHandler<E>): ServiceFunction<Actions, Errors>;
  /** Called in each instance that drains, after its last request. */
  onStop<E = unknown>(handler: LifeHandler<E>): ServiceFunction<Actions, Errors>;
  fetch(request: Request, env: unknown, context: Context): Promise<Response>;
  /** The description of the service. Throws where its definition is wrong. */
  describe(): Description;
}

/** The side of a service that narun's platform sees. */
export interface ServiceLife {
  readonly name: string;
  /** The first fault of the definition. */
  readonly fault: ServiceFault | undefined;
  readonly startHandlers: readonly LifeHandler<unknown>[];
  readonly stopHandlers: readonly LifeHandler<unknown>[];
  /** By their names. */
  readonly actions: ReadonlyMap<string, Action>;
}

/**
 * Begins the definition of a service. Its name is the function's. A fault of the definition fails the push, with the code
 * SERVICE_INVALID, ACTIONS_OVERLAP, SCHEMA_NOT_JSON or SERVICE_NAMED_OTHERWISE.
 */
export function service<
  const Errors extends Readonly<Record<string, DeclaredError>> = Readonly<Record<never, never>>,
>(options: ServiceOptions<Errors>): ServiceFunction<Readonly<Record<never, never>>, Errors> {
  return new Definition(options as ServiceOptions<Record<string, DeclaredError>>) as never;
}

const KEYS = ["name", "version", "description", "requires", "whenPaused", "errors"];
const NAME = /^[A-Za-z0-9_-]{1,63}$/;
const VERSION = /^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/;

class Definition implements ServiceFunction<never> {
  readonly "~service": { -readonly [Key in keyof ServiceLife]: ServiceLife[Key] } & {
    startHandlers: LifeHandler<unknown>[];
    stopHandlers: LifeHandler<unknown>[];
  };
  readonly fetch: ServiceFunction["fetch"];
  readonly #options: ServiceOptions<Record<string, DeclaredError>>;
  readonly #actions = new Map<string, Action>();
  readonly #listeners: EventListener[] = [];
  readonly #router = new Router();
  #errors = new Map<string, DeclaredError>();

  constructor(options: ServiceOptions<Record<string, DeclaredError>>) {
    this.#options = options ?? {};
    const actions = this.#actions;
    this["~service"] = {
      name: options?.name,
      fault: undefined,
      startHandlers: [],
      stopHandlers: [],
      actions,
    };
    // As a member of its own it goes on in `{ ...orders }`.
    this.fetch = (request, env, context) => this.#serve(request, env, context);
    this.#define(service, () => {
      checkOptions(options);
      this.#errors = declareErrors(options.errors ?? {});
    });
  }

  action(name: string, options: ActionOptions<unknown, unknown>, handler: unknown): never {
    this.#define(this.action, () => {
      const action = defineAction(this.#options.name, this.#errors, name, options, handler);
      refuseOverlap(action, this.#actions);
      this.#actions.set(name, action);
      this.#router.add(action);
    });
    return this as never;
  }

  on(pattern: string, ...rest: unknown[]): never {
    this.#define(this.on, () => {
      const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
      const place = this.#listeners.length + 1;
      const listener = defineListener(place, pattern, (options ?? {}) as EventOptions<unknown>, handler);
      if (this.#listeners.some(({ name }) => name === listener.name))
        throw new ServiceFault(
          "SERVICE_INVALID",
          `on("${pattern}"): another one has the name ${listener.name}`,
        );
      this.#listeners.push(listener);
      this.#listen();
    });
    return this as never;
  }

  onStart(handler: LifeHandler<never>): never {
    this.#define(this.onStart, () =>
      this["~service"].startHandlers.push(requireFunction("onStart", handler)),
    );
    return this as never;
  }

  onStop(handler: LifeHandler<never>): never {
    this.#define(this.onStop, () => this["~service"].stopHandlers.push(requireFunction("onStop", handler)));
    return this as never;
  }

  describe(): Description {
    const { fault } = this["~service"];
    if (fault !== undefined) throw fault;
    const { version, description, requires = [], whenPaused = "hold" } = this.#options;
    const facts = { version, description, requires, whenPaused };
    return describe({ ...facts, actions: this.#actions.values(), listeners: this.#listeners });
  }

  /** Keeps the first fault (S1). `caller`: the method that the author calls. */
  #define(caller: (...values: never[]) => unknown, step: () => unknown): void {
    if (this["~service"].fault !== undefined) return;
    try {
      step();
    } catch (error) {
      if (!(error instanceof ServiceFault)) throw error;
      (Error as { captureStackTrace?(error: Error, caller: unknown): void }).captureStackTrace?.(
        error,
        caller,
      );
      this["~service"].fault = error;
    }
  }

  async #serve(request: Request, env: unknown, context: Context): Promise<Response> {
    const path = pathOf(request.url);
    const found = this.#router.find(request.method, path);
    const { requestId } = context;
    if (found === undefined) {
      const names = [...this.#actions.values()].map(({ subject }) => subject).slice(0, 20);
      const detail = `${this.#options.name} has ${names.join(", ") || "no actions"}; the path of an action is its subject`;
      return problem("NO_SUCH_ACTION", { requestId, detail });
    }
    if (!("action" in found)) return methodNotAllowed(found);
    const { fault, name } = this["~service"];
    if (fault !== undefined) throw fault;
    return callAction(found, { request, env, context, service: name });
  }

  /** The handlers of triggers (S2). */
  #listen(): void {
    const listeners = this.#listeners;
    const hearing = (env: unknown, context: Context) => ({
      env,
      contextOf: (event: ServiceEvent, more: Parameters<Parameters<typeof hear>[2]["contextOf"]>[1]) =>
        new CallContext(context, { ...more, env, subject: event.subject }),
    });
    Object.assign(this, {
      message: (message: Message, env: unknown, context: Context) =>
        hear(listeners, message, hearing(env, context)),
      queue: (batch: MessageBatch, env: unknown, context: Context) =>
        hearBatch(listeners, batch, hearing(env, context)),
    });
  }
}

function checkOptions(options: ServiceOptions<unknown>): void {
  const refuse = (why: string) => {
    throw new ServiceFault("SERVICE_INVALID", why);
  };
  if (typeof options !== "object" || options === null)
    refuse('write service({ name: "…", version: "1.0.0" })');
  refuseUnknown("service", options, KEYS);
  const { name, version, requires = [], whenPaused = "hold" } = options;
  if (typeof name !== "string" || !NAME.test(name))
    refuse("its name is the function's: 1 to 63 characters out of A-Z, a-z, 0-9, _ and -");
  if (typeof version !== "string" || !VERSION.test(version))
    refuse(`its version ${JSON.stringify(version)} is not semver, as 1.0.0`);
  if (!Array.isArray(requires) || requires.some((one) => typeof one !== "string" || !NAME.test(one)))
    refuse("`requires` is a list of names of services");
  if (requires.includes(name)) refuse("it requires itself");
  if (whenPaused !== "hold" && whenPaused !== "refuse") refuse("`whenPaused` is hold or refuse");
}

function refuseOverlap(action: Action, others: ReadonlyMap<string, Action>): void {
  const refuse = (why: string) => {
    throw new ServiceFault("ACTIONS_OVERLAP", why);
  };
  const { name, subject, path, method } = action;
  if (others.has(name)) refuse(`two actions have the name "${name}"`);
  for (const other of others.values()) {
    if (overlap(subject, other.subject, "."))
      refuse(
        `the subjects of "${other.name}" (${other.subject}) and "${name}" (${subject}) match the same requests`,
      );
    const isSamePath = path !== undefined && other.path !== undefined && method === other.method;
    if (isSamePath && normal(path) === normal(other.path ?? ""))
      refuse(`"${other.name}" and "${name}" both answer ${method} ${path}`);
  }
}

/** A path without the names of its parameters. */
function normal(path: string): string {
  return path.replace(/\{\w+\}/g, "*");
}

function requireFunction(what: string, handler: unknown): LifeHandler<unknown> {
  if (typeof handler === "function") return handler as LifeHandler<unknown>;
  throw new ServiceFault("SERVICE_INVALID", `${what}: the handler is no function`);
}

/** The path of a URL, as the client wrote it. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  return /^[^?#]*/.exec(url.slice(start))?.[0] ?? "/";
}

function methodNotAllowed(methods: readonly string[]): Response {
  const allow = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  return new Response(null, { status: 405, headers: { allow: [...allow].sort().join(", ") } });
}
