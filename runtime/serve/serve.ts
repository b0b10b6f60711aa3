/**
 * A handler in the user's own process as a consumer: a NATS Micro service with the life of an instance.
 *
 * It ends in this order, so that no request is lost:
 *   1. it announces that it drains: gateways send nothing more, and all that the server has sent is handed over;
 *   2. the requests that it took are finished, within the grace;
 *   3. it is gone: its heartbeat ends, and the connection closes.
 */
import { NarunError } from "../../contracts/index.ts";
import type {
  GrpcFunction,
  GrpcHandlers,
  grpc as implementGrpc,
  ServedApp,
  ServedConsumer,
  ServedHandler,
  ServeOptions,
} from "../../functions/sdk/index.ts";
import {
  connectNats,
  consumerName,
  ensureLogHistory,
  Ledger,
  type Nats,
  type NatsTransport,
  openSpecs,
} from "../../nats/index.ts";
import { createPeers } from "../../streams/index.ts";
import { type SpanSink, startTraces } from "../../traces/index.ts";
import { errorText } from "../handler/error-text.ts";
import {
  type Handle,
  HandlerSandbox,
  type HandlerSandboxOptions,
  type Handlers,
} from "../handler/handler-sandbox.ts";
import type { FunctionLog } from "../instance/function-logs.ts";
import type { Instance } from "../instance/instance.ts";
import { createSourceMaps } from "../instance/source-maps.ts";
import { startInstance } from "../instance/start-instance.ts";
import type { ConsumerMetrics } from "./metrics.ts";
import { type ResolvedConsumer, resolveAccess, resolveConsumer } from "./options.ts";
import { type ConsumerPresence, consumerNode, showConsumer } from "./presence.ts";
import { type ServedService, serviceOf, withService } from "./served-service.ts";
import { endBySignals } from "./signals.ts";
import { triggersOf } from "./triggers.ts";

const DEFAULT_GRACE_MS = 30_000;

/**
 * Serves requests to a service by a handler of this process. Resolves when requests can come. Errors: a TypeError for wrong
 * options; NATS_UNREACHABLE, NATS_LOGIN_REFUSED and the others of a connection; NAME_TAKEN, where a function has the name;
 * ADDRESS_IN_USE, for metrics.
 */
export function serve(handler: ServedHandler, options: ServeOptions): Promise<ServedConsumer>;
export function serve(app: ServedApp, options: ServeOptions): Promise<ServedConsumer>;
export async function serve(handler: ServedApp, options: ServeOptions): Promise<ServedConsumer> {
  return serveAs({ mode: "serve" }, handler, options);
}

/**
 * Serves a gRPC service by handlers of this process, as `grpc(service, handlers)` does in a function. Gateways find it by its
 * full name; gRPC-Web, Connect and paths of HTTP go by `routes`. Errors: as `serve`.
 */
export async function serveGrpc<S extends Parameters<typeof implementGrpc>[0]>(
  service: S,
  handlers: GrpcHandlers<S>,
  options: ServeOptions,
): Promise<ServedConsumer> {
  // Loaded late: most programs need no Protobuf.
  const { grpc } = await import("../../functions/sdk/index.ts");
  return serve(grpc(service, handlers), options);
}

/** The facts of a consumer that its user does not choose. */
export interface ConsumerKind {
  /** As people see it in `narun ps`. */
  mode: "serve" | "run";
  transport?: NatsTransport;
  /** Gets the log of the instance, once. */
  onLog?: (log: FunctionLog) => void;
}

export async function serveAs(
  kind: ConsumerKind,
  handler: ServedApp,
  options: ServeOptions,
): Promise<ServedConsumer> {
  const served = serviceOf(handler, options.service);
  const plain = resolveConsumer(options, grpcServicesOf(handler));
  const resolved = served === undefined ? plain : withService(plain, served, options.version !== undefined);
  const call = handlerOf(handler, options.env ?? {});
  const { service, env = {} } = options;
  const trigger = triggersOf(handler, { service, isProgram: isProgram(options), env });
  const { createConsumerMetrics } = await import("./metrics.ts");
  const metrics = createConsumerMetrics(options.service);
  const metricsUrl = options.metrics === undefined ? undefined : await metrics.listen(options.metrics);
  try {
    const consumer = new Consumer(
      { ...resolved, kind, service: served, handle: metrics.measure(call), trigger, metrics, metricsUrl },
      options,
    );
    await consumer.start();
    return consumer;
  } catch (error) {
    metrics.close();
    throw error;
  }
}

/** The full names of the gRPC services that `grpc(…)` implements. */
function grpcServicesOf(handler: ServedApp): readonly string[] {
  const { services } = handler as Partial<GrpcFunction>;
  return Array.isArray(services) ? services : [];
}

function handlerOf(handler: ServedApp, env: unknown): Handle {
  if (typeof handler === "function")
    return (request, context) => handler(request, env as never, context as never);
  if (typeof handler?.fetch === "function")
    return (request, context) => handler.fetch(request, env as never, context as never);
  throw new TypeError("serve: the handler is neither a function nor an object with the method fetch");
}

function warnOf({ onWarning }: ServeOptions): (message: string) => void {
  return onWarning ?? ((message) => process.emitWarning(message, "narun"));
}

interface ConsumerParts extends ResolvedConsumer {
  kind: ConsumerKind;
  service: ServedService | undefined;
  handle: Handle;
  trigger: Handlers["trigger"] | undefined;
  metrics: ConsumerMetrics;
  metricsUrl: string | undefined;
}

class Consumer implements ServedConsumer {
  readonly service: string;
  readonly instance = crypto.randomUUID();
  readonly closed: Promise<void>;
  readonly #parts: ConsumerParts;
  readonly #options: ServeOptions;
  readonly #closed = Promise.withResolvers<void>();
  readonly #stack = new AsyncDisposableStack();
  #life: Instance | undefined;
  #presence: ConsumerPresence | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: ConsumerParts, options: ServeOptions) {
    this.#parts = parts;
    this.#options = options;
    this.service = parts.config.name;
    this.closed = this.#closed.promise;
  }

  get metricsUrl(): string | undefined {
    return this.#parts.metricsUrl;
  }

  metrics(): Promise<string> {
    return this.#parts.metrics.render();
  }

  async start(): Promise<void> {
    try {
      const nats = await this.#connect();
      if (!isProgram(this.#options)) await prepareStores(nats, this.service);
      await this.#register(nats, await this.#startTraces());
    } catch (error) {
      await this.#stack.disposeAsync();
      throw error;
    }
    this.#stack.defer(() => this.#parts.metrics.close());
    const { signals = true, graceMs = DEFAULT_GRACE_MS } = this.#options;
    if (signals) this.#stack.defer(endBySignals(() => this.close({ graceMs })));
  }

  close({ graceMs = DEFAULT_GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #connect(): Promise<Nats> {
    const warn = warnOf(this.#options);
    const { transport } = this.#parts.kind;
    const nats = await connectNats({
      ...(transport === undefined ? {} : { transport }),
      ...resolveAccess(this.#options.nats, urlOfEnvironment()),
      name: consumerName(this.service),
      // The node of a program speaks for it, and lets it see no store.
      ...(isProgram(this.#options) && { worldId: "program" }),
      onRefused: ({ code, message }) => warn(`${code}: ${message}`),
      onHandlerError: (error, subject) =>
        warn(`a message on ${subject} was not handled: ${errorText(error)}`),
      onWarning: warn,
    });
    this.#stack.defer(() => nats.close());
    return nats;
  }

  /** The last spans leave after the drain. */
  async #startTraces(): Promise<SpanSink | undefined> {
    const { traces } = this.#options;
    if (traces === undefined) return undefined;
    const warn = warnOf(this.#options);
    const started = await startTraces(
      { headers: {}, ...traces, sampler: "parentbased_always_off", ratio: 1 },
      {
        attributes: { "service.instance.id": this.instance, "service.version": this.#parts.version },
        log: { info: () => undefined, warn: (_facts: object, text?: string) => warn(text ?? "") },
      },
    );
    this.#stack.defer(() => started.close());
    return started;
  }

  async #register(nats: Nats, spans: SpanSink | undefined): Promise<void> {
    const { config, version, description, metadata, kind, service } = this.#parts;
    const node = consumerNode();
    const peers = createPeers(nats);
    this.#stack.defer(() => peers.close());
    const ledger = new Ledger(nats);
    this.#stack.defer(() => ledger.close());
    this.#presence = showConsumer(nats, node);
    this.#stack.adopt(this.#presence, (presence) => presence.close());
    const started = await startInstance(
      {
        ...{ nats, node, peers, ledger, config, instance: this.instance, revision: version },
        sourceMaps: createSourceMaps(() => undefined),
        ...{ spans, interface: service?.description },
        consumer: { version, description, metadata, mode: kind.mode, isProgram: isProgram(this.#options) },
        onIdle: () => undefined,
        onFull: () => undefined,
        onCondemned: () => undefined,
        onGone: () => undefined,
      },
      (owner) => {
        kind.onLog?.(owner.log);
        return new HandlerSandbox(this.#sandboxOptions(), owner);
      },
    );
    this.#life = started.instance;
    if (!started.outcome.ok) {
      const { code, message } = started.outcome;
      throw new NarunError(code === "NATS_PERMISSIONS_VIOLATION" ? code : "INTERNAL", { detail: message });
    }
  }

  #sandboxOptions(): HandlerSandboxOptions {
    const { config, handle, trigger, service } = this.#parts;
    const { onError = writeError, env = {} } = this.#options;
    const load = async () => {
      await service?.start(env);
      return { fetch: handle, ...(trigger === undefined ? {} : { trigger }) };
    };
    const stop = async () => service?.stop(env);
    return { concurrency: config.scale.concurrency, load, stop, onError };
  }

  async #close(graceMs: number): Promise<void> {
    try {
      this.#presence?.stopping();
      await this.#life?.drain({ reason: "shutdown", graceMs, closesSockets: false });
    } finally {
      await this.#stack.disposeAsync();
      this.#closed.resolve();
    }
  }
}

/** The server that the environment names. */
export function urlOfEnvironment(): string | undefined {
  return process.env.NATS_URL;
}

/** It is in a program that a node has started, and uses the way to NATS that the node gave it. */
function isProgram({ service, nats = process.env.NATS_URL }: ServeOptions): boolean {
  const { NARUN_INSTANCE_ID, NARUN_APP_NAME, NATS_URL } = process.env;
  return NARUN_INSTANCE_ID !== undefined && NARUN_APP_NAME === service && nats === NATS_URL;
}

/** Errors: NAME_TAKEN. */
async function prepareStores(nats: Nats, service: string): Promise<void> {
  await requireFreeName(nats, service);
  // Its errors are kept for `narun logs`. Without it they are seen only as they come.
  await ensureLogHistory(nats).catch(() => undefined);
}

/** Error: NAME_TAKEN. A login that may not read the specs serves all the same. */
async function requireFreeName(nats: Nats, service: string): Promise<void> {
  const spec = await openSpecs(nats)
    .then((specs) => specs.get(service))
    .catch(() => undefined);
  if (spec?.ok === true && spec.value.kind === "function")
    throw new NarunError("NAME_TAKEN", { detail: `${service} is a function (mode ${spec.value.spec.mode})` });
}

function writeError(error: unknown, requestId: string): void {
  process.stderr.write(`narun: request ${requestId}: ${errorText(error)}\n`);
}
