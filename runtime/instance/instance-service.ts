import {
  endpointNames,
  type FunctionConfig,
  formatSocketAddress,
  headerNames,
  type InstanceStats,
  type ServiceDescription,
  type SocketAddress,
  serviceVersion,
  subjects,
} from "../../contracts/index.ts";
import {
  headerValue,
  type Ledger,
  type Message,
  type MicroEndpoint,
  type MicroService,
  type Nats,
  type RequestCounter,
  registerMicroService,
} from "../../nats/index.ts";
import type { RequestWay } from "../host.ts";
import { actionEndpoints } from "./action-endpoints.ts";

export interface InstanceServiceOptions {
  nats: Nats;
  ledger: Ledger;
  node: string;
  instance: string;
  revision: string;
  config: FunctionConfig;
  /** Its code is a service: each action is an endpoint. */
  interface?: ServiceDescription | undefined;
  /** Undefined: it is reached over NATS only. */
  socket: SocketAddress | undefined;
  /** Undefined for a function. */
  consumer?: ConsumerIdentity | undefined;
}

/** How a consumer that is not deployed presents itself. It has no spec, so its routes are its own to tell. */
export interface ConsumerIdentity {
  /** Semver. */
  version: string;
  description: string;
  metadata: Readonly<Record<string, string>>;
  /** In place of a mode, for people: `serve`, `run`. */
  mode: string;
  /** A node has started it: the door of the node (nats/door/) marks no request as a trigger that is none. */
  isProgram: boolean;
}

export interface InstanceHandlers {
  /**
   * Refuses a request that is unreadable, that belongs to another world (`isStranger`), or that comes after the instance
   * stopped taking requests. Returns whether it refused.
   */
  refuses(message: Message, done: (error?: string) => void, isStranger?: boolean): boolean;
  /** Refuses a request where there is no room for it. Returns whether it refused. */
  turnsAway(way: RequestWay, message: Message, done: (error?: string) => void): boolean;
  take(way: RequestWay, ...request: Parameters<MicroEndpoint["handle"]>): void;
  /** Takes a later message of the caller of a streamed request. `token` names the request. */
  control(token: string, message: Message): void;
  stats(): InstanceStats;
}

export interface InstanceService extends Pick<MicroService, "drain" | "close" | "subscriptions"> {
  /** Of the requests that gateways send to the instance itself. */
  readonly counter: RequestCounter;
  /** Of the calls of functions. */
  readonly callCounter: RequestCounter;
}

/**
 * Registers an instance as a NATS Micro service: under its function's name for every client, under its own id for gateways.
 * Gateways ask after requests that they sent to the id, so these are noted in the ledger. A refused request is not noted, as
 * it never began.
 */
export function registerInstance(
  {
    nats,
    ledger,
    node,
    instance,
    revision,
    config,
    interface: description,
    socket,
    consumer,
  }: InstanceServiceOptions,
  { refuses, turnsAway, take, control, stats }: InstanceHandlers,
): InstanceService {
  const note = ledger.guard((...request) => take("gateway", ...request));
  const noteCall = ledger.guard((...request) => take("call", ...request));
  // The function's own subject is the same in all worlds. A client that names no world may mean any.
  const isStranger = ({ headers }: Message) =>
    (headerValue(headers, headerNames.world) ?? nats.world.id) !== nats.world.id;
  const { shared, direct, calls } = endpointNames;
  const handleOpen: MicroEndpoint["handle"] = (message, done) =>
    refuses(message, done, isStranger(message)) || take("subject", message, done);
  const service = registerMicroService(nats, {
    name: config.name,
    version: consumer?.version ?? serviceVersion(revision),
    description: consumer?.description ?? `function ${config.name}`,
    metadata: {
      ...consumer?.metadata,
      "narun.function": config.name,
      "narun.instance": instance,
      "narun.node": node,
      "narun.revision": revision,
      "narun.mode": consumer?.mode ?? config.mode,
      "narun.concurrency": String(config.scale.concurrency),
      ...(socket === undefined ? {} : { "narun.socket": formatSocketAddress(socket) }),
      ...(consumer === undefined ? {} : { "narun.routes": JSON.stringify(config.routes) }),
    },
    endpoints: [
      {
        name: shared,
        subject: config.name,
        handle: handleOpen,
      },
      {
        name: direct,
        subject: subjects.instanceRequests(instance),
        handle: (message, done) =>
          refuses(message, done) || turnsAway("gateway", message, done) || note(message, done),
      },
      {
        name: calls,
        subject: subjects.serviceCalls(config.name, instance),
        handle: (message, done) =>
          refuses(message, done) || turnsAway("call", message, done) || noteCall(message, done),
      },
      ...actionEndpoints(description, handleOpen),
    ],
    stats,
  });
  const prefix = subjects.streamControl(instance, "");
  const inquiries = subjects.inquiries(instance);
  const controls = nats.subscribe(subjects.streamControlAll(instance), (message) => {
    if (message.subject === inquiries) ledger.answer(message);
    else control(message.subject.slice(prefix.length), message);
  });
  return {
    subscriptions: [...service.subscriptions, controls],
    counter: service.counterOf(direct),
    callCounter: service.counterOf(calls),
    drain: service.drain,
    close() {
      service.close();
      controls.unsubscribe();
    },
  };
}
