/** `grpc(service, handlers)`: a handler that speaks gRPC, gRPC-Web, Connect, and HTTP by `google.api.http`. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Context } from "../context.ts";
import type { Env, Handler } from "../handler.ts";
import type { ErrorTypes } from "../service/context.ts";
import type { ActionTypes, ServiceFunction } from "../service/service.ts";
import type { ActionsOfService } from "./action-method.ts";
import { type AnyHandler, Call, type GrpcProtocol, type Method } from "./call.ts";
import { type ConnectForm, connectFormOf, connectGetFormOf, connectTimeoutMs } from "./connect-form.ts";
import { GrpcError } from "./grpc-error.ts";
import { type GrpcForm, grpcFormOf, grpcTimeoutMs, refusal, serveGrpc } from "./grpc-protocol.ts";
import type { GrpcHandlers } from "./handlers.ts";
import { MessageCodec } from "./message-codec.ts";
import { type RestMatch, restOf } from "./rest-router.ts";
import {
  describeBoth,
  type GrpcService,
  type GrpcServiceOptions,
  handlersOf,
  isService,
} from "./service-actions.ts";

export interface GrpcOptions {
  /** Upper bound of a message, uncompressed. Default 16 MiB, as the gateway's. */
  maxMessageBytes?: number;
}

/** Services as a module worker: `export default grpc(…)`. */
export interface GrpcFunction {
  /** The full names of the services. */
  readonly services: readonly string[];
  fetch(request: Request, env: unknown, context: Context): Promise<Response>;
  /** The same with a further service. */
  with<S extends DescService>(service: S, handlers: GrpcHandlers<S>, options?: GrpcOptions): GrpcFunction;
  /** The same with a handler for requests that call no method: a page, a health check. */
  otherwise<E = Env>(handler: Handler<E>): GrpcFunction;
}

const MAX_MESSAGE_BYTES = 16 * 1_024 * 1_024;

/**
 * A function that implements a service of a `.proto` file: by the actions of `service(…)`, or by handlers. A method without a handler answers UNIMPLEMENTED. Error: TypeError,
 * for a handler that is no method of the service.
 */
export function grpc<A extends Readonly<Record<string, ActionTypes>>, E extends ErrorTypes>(
  service: DescService,
  actions: ServiceFunction<A, E>,
  options?: GrpcServiceOptions,
): GrpcService<A, E>;
export function grpc<S extends DescService>(
  service: S,
  handlers: GrpcHandlers<S>,
  options?: GrpcOptions,
): GrpcFunction;
export function grpc(
  service: DescService,
  handlers: object,
  options: GrpcServiceOptions = {},
): GrpcFunction | GrpcService {
  if (isService(handlers)) return createService(service, handlers, options);
  return createFunction([implementBy(service, handlers as Handlers, options)], undefined);
}

type Handlers = Record<string, AnyHandler | undefined>;

/** A service keeps its life and its handlers of events. Requests that call no method are its own. */
function createService(
  service: DescService,
  own: ActionsOfService,
  options: GrpcServiceOptions,
): GrpcService {
  requireService(service);
  const codec = new MessageCodec(service.file);
  const implementation = implement(service, handlersOf(service, own, codec, options.actions), options, codec);
  const { services, fetch } = createFunction([implementation], own.fetch as Handler<unknown>);
  return { ...own, services, fetch, describe: () => describeBoth(service, own, options.actions) };
}

/** A service with its handlers. */
interface Implementation {
  readonly service: DescService;
  readonly methods: ReadonlyMap<string, Method>;
}

function createFunction(
  implementations: readonly Implementation[],
  fallback: Handler<unknown> | undefined,
): GrpcFunction {
  const router = new Router(implementations, fallback);
  return {
    services: implementations.map(({ service }) => service.typeName),
    fetch: (request, env, context) => router.serve(request, env, context),
    with: (service, handlers, options = {}) =>
      createFunction([...implementations, implementBy(service, handlers as Handlers, options)], fallback),
    otherwise: (handler) => createFunction(implementations, handler as Handler<unknown>),
  };
}

function implementBy(service: DescService, handlers: Handlers, options: GrpcOptions): Implementation {
  requireService(service);
  return implement(service, handlers, options, new MessageCodec(service.file));
}

function implement(
  service: DescService,
  handlers: Handlers,
  { maxMessageBytes = MAX_MESSAGE_BYTES }: GrpcOptions,
  codec: MessageCodec,
): Implementation {
  const methods = new Map<string, Method>();
  for (const desc of service.methods) {
    const path = `/${service.typeName}/${desc.name}`;
    const own = handlers[desc.localName];
    const handler =
      own === undefined ? undefined : (checkedHandler(own, desc, path).bind(handlers) as AnyHandler);
    methods.set(path, { path, desc, codec, handler, maxMessageBytes });
  }
  refuseStrangers(service, handlers);
  return { service, methods };
}

function requireService(service: DescService): void {
  if (typeof service !== "object" || service === null || service.kind !== "service")
    throw new TypeError("grpc(service, handlers): the service is an export of a .proto file");
}

function checkedHandler(handler: unknown, { localName }: DescMethod, path: string): AnyHandler {
  if (typeof handler === "function") return handler as AnyHandler;
  throw new TypeError(`the handler ${localName} of ${path} is ${typeof handler}, not a function`);
}

function refuseStrangers({ typeName, methods }: DescService, handlers: object): void {
  const known = new Set(methods.map(({ localName }) => localName));
  // A class' own members are its prototype's, and may be private parts of it.
  const stranger = Object.keys(handlers).find(
    (name) => !known.has(name) && typeof (handlers as Record<string, unknown>)[name] === "function",
  );
  if (stranger === undefined) return;
  throw new TypeError(`${typeName} has no method ${stranger}; it has ${[...known].join(", ") || "none"}`);
}

class Router {
  readonly #methods = new Map<string, Method>();
  readonly #services: readonly DescService[];
  readonly #fallback: Handler<unknown> | undefined;

  constructor(implementations: readonly Implementation[], fallback: Handler<unknown> | undefined) {
    this.#services = implementations.map(({ service }) => service);
    this.#fallback = fallback;
    for (const { service, methods } of implementations) {
      for (const [path, method] of methods) {
        if (this.#methods.has(path)) throw new TypeError(`${service.typeName} is implemented twice`);
        this.#methods.set(path, method);
      }
    }
  }

  async serve(request: Request, env: unknown, context: Context): Promise<Response> {
    const { path, query } = placeOf(request.url);
    const contentType = request.headers.get("content-type") ?? "";
    const form = request.method === "POST" ? grpcFormOf(contentType) : undefined;
    const method = this.#methodAt(path);
    if (form !== undefined) return serveGrpcAt(form, method ?? rpcPathOf(path), { request, env, context });
    const connect = connectForm(request, contentType, query);
    if (method !== undefined && connect !== undefined) {
      const { serveConnect } = await import("./connect-protocol.ts");
      return serveConnect(callOf("connect", method, { request, env, context }), connect);
    }
    const rest = this.#restAt(request.method, path);
    if (rest !== undefined && "match" in rest) {
      return rest.match.serve(callOf("rest", rest.target, { request, env, context }), query);
    }
    if (this.#fallback !== undefined) return this.#fallback(request, env, context);
    if (rest !== undefined) return methodNotAllowed(rest.verbs);
    return method === undefined ? notFound(path, this.#services) : wrongRequest(request.method);
  }

  /** The method of a path. Clients may put a prefix before it. */
  #methodAt(path: string): Method | undefined {
    return this.#methods.get(path) ?? this.#methods.get(rpcPathOf(path));
  }

  #restAt(
    verb: string,
    path: string,
  ): { match: RestMatch; target: Method } | { verbs: readonly string[] } | undefined {
    const verbs: string[] = [];
    for (const service of this.#services) {
      const found = restOf(service)?.match(verb, path);
      if (found === undefined) continue;
      if ("serve" in found) {
        const name = service.methods.find(({ localName }) => localName === found.method)?.name ?? "";
        const target = this.#methods.get(`/${service.typeName}/${name}`);
        if (target !== undefined) return { match: found, target };
      } else verbs.push(...found);
    }
    return verbs.length === 0 ? undefined : { verbs };
  }
}

interface RequestFacts {
  request: Request;
  env: unknown;
  context: Context;
}

function callOf(protocol: GrpcProtocol, method: Method, { request, env, context }: RequestFacts): Call {
  const { headers } = request;
  const timeoutMs = protocol.startsWith("grpc")
    ? grpcTimeoutMs(headers.get("grpc-timeout"))
    : connectTimeoutMs(headers.get("connect-timeout-ms"));
  return new Call({ request, env, context, method, protocol, timeoutMs });
}

async function serveGrpcAt(form: GrpcForm, method: Method | string, facts: RequestFacts): Promise<Response> {
  if (typeof method === "string") {
    return refusal(new GrpcError("UNIMPLEMENTED", `the function has no method ${method}`), form);
  }
  if (form.codec === "json") (await import("./json-codec.ts")).useJson(method.codec);
  return serveGrpc(callOf(form.isWeb ? "grpc-web" : "grpc", method, facts), form);
}

function connectForm(request: Request, contentType: string, query: string): ConnectForm | undefined {
  if (request.method === "POST") return connectFormOf(contentType);
  if (request.method !== "GET" || !query.includes("message=")) return undefined;
  return connectGetFormOf(new URLSearchParams(query));
}

/** The path and the query of a URL. A parsed URL would cost more than the rest of the routing. */
function placeOf(url: string): { path: string; query: string } {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const mark = url.indexOf("?", start);
  return mark < 0
    ? { path: url.slice(start), query: "" }
    : { path: url.slice(start, mark), query: url.slice(mark + 1) };
}

/** The last two segments: `/pkg.Service/Method`. */
function rpcPathOf(path: string): string {
  return path.slice(Math.max(0, path.lastIndexOf("/", path.lastIndexOf("/") - 1)));
}

function notFound(path: string, services: readonly DescService[]): Response {
  const error = {
    code: "unimplemented",
    message: `${path} is no method of ${services.map(({ typeName }) => typeName).join(", ")}`,
  };
  return Response.json(error, { status: 404 });
}

function methodNotAllowed(verbs: readonly string[]): Response {
  return new Response(null, { status: 405, headers: { allow: [...new Set(verbs)].join(", ") } });
}

/** A method's path, and neither a verb nor a content type of a protocol. */
function wrongRequest(verb: string): Response {
  if (verb !== "POST") return methodNotAllowed(["POST"]);
  const types = ["json", "proto", "connect+json", "connect+proto", "grpc", "grpc-web"];
  return new Response(null, {
    status: 415,
    headers: { "accept-post": types.map((type) => `application/${type}`).join(", ") },
  });
}
