/**
 * The registry as a NATS Micro service, beside each gateway: `narun-registry.list`, `.info` and `.graph`, and the same by
 * `env.REGISTRY.list()`; events `narun-registry.appeared.<service>`, `.changed.…`, `.left.…`.
 *
 * R1  No answer is kept: each is computed when it is asked for. Equal questions that are asked at a time share one look.
 * R2  Every gateway sees each change, and gives its event the same id: the stream of events stores one of them.
 */
import {
  createHeaders,
  createProblem,
  decodeRequest,
  type ErrorCode,
  encodeError,
  encodePlainError,
  encodeReply,
  headerNames,
  headerValue,
  isFromNarun,
  isNarunError,
  messageOf,
  PROBLEM_CONTENT_TYPE,
  REGISTRY_ACTIONS,
  REGISTRY_SERVICE,
  type RegistryAction,
  registryEvent,
  requestIdOf,
  type Spec,
} from "../contracts/index.ts";
import {
  type KvChange,
  type Message,
  type MicroEndpoint,
  type Nats,
  openEvents,
  registerMicroService,
} from "../nats/index.ts";
import { graphServices, listServices, showService } from "./service-registry.ts";
import { KnownServices, type ServiceEvent } from "./watch-services.ts";

export interface RegistryOptions {
  nats: Nats;
  /** The specs, as the gateway of the process follows them. */
  specs: {
    follow(listener: (change: KvChange<Spec>) => void): {
      present: readonly KvChange<Spec>[];
      end: () => void;
    };
  };
  log: { warn(facts: object, text: string): void; debug(facts: object, text: string): void };
}

export interface ServedRegistry {
  /** Takes no new requests. Resolves when all requests are answered. */
  close(): Promise<void>;
}

const VERSION = "1.0.0";
/** The path of a call by the name of an action (contracts/service-description.ts, D3). */
const BY_NAME = /^\/(?:\.narun\/action\/|narun-registry\.)(\w+)$/;
/** Upper bound of the questions that are answered at a time: each asks all services of the system. */
const MAX_LOOKS = 16;

/** Serves the registry until it is closed. */
export async function serveRegistry({ nats, specs, log }: RegistryOptions): Promise<ServedRegistry> {
  const looks = new Map<string, Promise<unknown>>();
  const look = (action: RegistryAction, name: string): Promise<unknown> => {
    const key = `${action} ${name}`;
    const known = looks.get(key);
    if (known !== undefined) return known;
    if (looks.size >= MAX_LOOKS) return Promise.reject(new RangeError("too many questions at a time"));
    const looking = ask(nats, action, name).finally(() => looks.delete(key));
    looks.set(key, looking);
    return looking;
  };
  const answering = new Set<Promise<void>>();
  const handle: (action?: RegistryAction) => MicroEndpoint["handle"] = (action) => (message, done) => {
    const answered = answer(nats, message, action, look).then(done);
    answering.add(answered);
    void answered.finally(() => answering.delete(answered));
  };
  const service = registerMicroService(nats, {
    name: REGISTRY_SERVICE,
    version: VERSION,
    description: "the services of the system",
    endpoints: [
      { name: "handler", subject: REGISTRY_SERVICE, handle: handle() },
      ...REGISTRY_ACTIONS.map((action) => ({
        name: action,
        subject: `${REGISTRY_SERVICE}.${action}`,
        handle: handle(action),
      })),
    ],
  });
  const publish = publisherOf({ nats, log });
  const known = new KnownServices();
  const following = specs.follow((change) => {
    const found = known.take(change);
    if (found !== undefined) publish(found.event, found.revision);
  });
  for (const change of following.present) known.take(change);
  await nats.confirm();
  return {
    async close() {
      following.end();
      await service.drain().catch(() => undefined);
      await Promise.all(answering);
      service.close();
    },
  };
}

function ask(nats: Nats, action: RegistryAction, name: string): Promise<unknown> {
  switch (action) {
    case "list":
      return listServices(nats);
    case "graph":
      return graphServices(nats);
    case "info":
      return showService(nats, name);
  }
}

/** Resolves with the text of the error, for the statistics. */
async function answer(
  nats: Nats,
  message: Message,
  action: RegistryAction | undefined,
  look: (action: RegistryAction, name: string) => Promise<unknown>,
): Promise<string | undefined> {
  const { headers } = message;
  // The subjects are the same in all worlds.
  if ((headerValue(headers, headerNames.world) ?? nats.world.id) !== nats.world.id)
    return refuse(message, "INSTANCE_DRAINING");
  const chosen = action ?? actionOf(message);
  if (chosen === undefined)
    return refuse(message, "NO_SUCH_ACTION", `${REGISTRY_SERVICE} has ${REGISTRY_ACTIONS.join(", ")}`);
  const name = chosen === "info" ? nameOf(message) : "";
  if (name === undefined) return refuse(message, "INVALID_INPUT", 'name: write { "name": "orders" }');
  try {
    const found = await look(chosen, name);
    message.respond(JSON.stringify(found), encodeReply(200, ["Content-Type", "application/json"]));
    return undefined;
  } catch (error) {
    if (isNarunError(error, "FUNCTION_NOT_FOUND")) return refuse(message, "NO_SUCH_SERVICE", error.message);
    return refuse(
      message,
      error instanceof RangeError ? "HOLD_QUEUE_FULL" : "NATS_UNREACHABLE",
      messageOf(error),
    );
  }
}

function actionOf(message: Message): RegistryAction | undefined {
  const { rawPath } = decodeRequest(message, REGISTRY_SERVICE);
  const name = BY_NAME.exec(rawPath)?.[1];
  return REGISTRY_ACTIONS.find((action) => action === name);
}

function nameOf(message: Message): string | undefined {
  try {
    const { name } = JSON.parse(message.text()) as { name?: unknown };
    return typeof name === "string" && name.length > 0 && name.length <= 63 ? name : undefined;
  } catch {
    return undefined;
  }
}

/** A problem in the form of services: callers of `env.REGISTRY` find its code. */
function refuse(message: Message, code: ErrorCode, detail?: string): string {
  if (code === "INSTANCE_DRAINING" && isFromNarun(message.headers)) {
    message.respond("", encodeError(code, undefined));
    return code;
  }
  const problem = createProblem(code, requestIdOf(message.headers) ?? crypto.randomUUID(), detail);
  const { headers, data } = encodePlainError(problem);
  const ofNarun = encodeReply(problem.status, ["Content-Type", PROBLEM_CONTENT_TYPE]);
  message.respond(data, isFromNarun(message.headers) ? ofNarun : headers);
  return code;
}

/** Publishes the events of services. */
function publisherOf({
  nats,
  log,
}: Pick<RegistryOptions, "nats" | "log">): (event: ServiceEvent, revision: number) => void {
  let opening: ReturnType<typeof openEvents> | undefined;
  return (event, revision) => {
    if (event.event === "instance") return;
    const { event: kind, service } = event;
    opening ??= openEvents(nats);
    opening
      .then((events) =>
        events.publish({
          subject: registryEvent(kind, service),
          data: JSON.stringify(event),
          headers: createHeaders([["Content-Type", "application/json"]]),
          key: service,
          id: `${REGISTRY_SERVICE}-${kind}-${service}-${revision}`,
          source: REGISTRY_SERVICE,
        }),
      )
      .catch((error: unknown) => {
        opening = undefined;
        log.warn({ service, event: kind, error: messageOf(error) }, "an event of the registry is not stored");
      });
  };
}
