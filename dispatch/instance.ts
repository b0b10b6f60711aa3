import {
  InstanceMetadataSchema,
  parseConsumerRoutes,
  parseSocketAddress,
  type Route,
  type SocketAddress,
  targetOf,
} from "../contracts/index.ts";
import type { RequestLink } from "../local/index.ts";
import type { DiscoveredService } from "../nats/index.ts";

/** An instance as this gateway sees it. */
export interface Instance {
  readonly id: string;
  readonly service: string;
  readonly node: string;
  readonly revision: string;
  /** Upper bound of the requests that it handles at a time. */
  readonly concurrency: number;
  /** So many requests are more than it should have. */
  readonly busyAt: number;
  /** A request and its answer are one message each. */
  readonly isProgram: boolean;
  /** Its address on its own machine, and the connection to its host. Undefined: it is reached over NATS only. */
  socket: InstanceSocket | undefined;
  state: "ready" | "unreachable" | "draining";
  /** The node has another runner now, which does not know it. */
  isOrphan: boolean;
  /** When it was found unreachable, by `performance.now()`. */
  setAsideAtMs: number;
  /** Requests that this gateway has under way there; the dispatcher counts. */
  inFlight: number;
  /** Places that others have, as far as this process knows (room.ts). */
  taken: number;
  /** The requests of this process that it had, and that are over. */
  ended: number;
  /** The requests of all its clients, as it has told, and when it did, by `performance.now()`. */
  told: { load: number; atMs: number } | undefined;
}

/** An instance that is starting. */
export type Start = Pick<Instance, "id" | "service" | "node" | "revision">;

/** How an instance is reached on its own machine. */
export interface InstanceSocket {
  /** Undefined: it is in this process. */
  readonly address: SocketAddress | undefined;
  /** Its number in its host process. */
  readonly number: number;
  readonly link: RequestLink;
}

export interface InstanceFacts
  extends Pick<Instance, "id" | "service" | "node" | "revision" | "concurrency"> {
  socket?: SocketAddress | undefined;
  /** The way to it where it is in this process. */
  near?: InstanceSocket | undefined;
  /** The routes of a consumer that is not deployed. */
  routes?: readonly Route[] | undefined;
  /** Default false. */
  isProgram?: boolean | undefined;
}

export function createInstance(facts: InstanceFacts): Instance {
  const { id, service, node, revision, concurrency, isProgram = false } = facts;
  return {
    ...{ id, service, node, revision, concurrency, busyAt: targetOf(concurrency) + 1, isProgram },
    ...{
      socket: undefined,
      state: "ready",
      isOrphan: false,
      inFlight: 0,
      taken: 0,
      ended: 0,
      told: undefined,
      setAsideAtMs: 0,
    },
  };
}

/** The instance behind a NATS Micro service; undefined where narun did not start it. */
export function instanceFactsOf(service: DiscoveredService): InstanceFacts | undefined {
  const parsed = InstanceMetadataSchema.safeParse(service.metadata ?? {});
  if (!parsed.success) return undefined;
  return {
    id: parsed.data["narun.instance"],
    service: parsed.data["narun.function"],
    node: parsed.data["narun.node"],
    revision: parsed.data["narun.revision"],
    concurrency: parsed.data["narun.concurrency"],
    socket: parseSocketAddress(parsed.data["narun.socket"] ?? ""),
    isProgram: parsed.data["narun.mode"] === "exec",
    routes: parseConsumerRoutes(parsed.data["narun.routes"]),
  };
}
