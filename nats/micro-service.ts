/**
 * A NATS Micro service (ADR-32): `$SRV.PING|INFO|STATS` discovery and counted endpoints.
 *
 * Our own instead of the client library's, because that one counts a request as done when the handler's synchronous
 * part returns: its errors and processing time are wrong for every handler that awaits, and it cannot drain its
 * endpoints while it still answers for them.
 *
 * I1  num_requests counts a request when it is taken; num_errors, processing_time and its average when it is answered.
 * I2  drain() resolves when the endpoints take nothing more from the server and all that it sent was handed over.
 * I3  discovery answers until close(), so that a draining instance can still be seen.
 */
import { REQUEST_QUEUE, WORLD_KEY } from "../contracts/index.ts";
import type { Nats } from "./connection.ts";
import type { Message } from "./message.ts";
import type { Subscription } from "./subscriptions.ts";

export interface MicroEndpoint {
  name: string;
  subject: string;
  /** It also takes requests of senders that know no world's id. */
  isOpen?: boolean;
  /** Default: none. */
  metadata?: Record<string, string>;
  /** Takes a request, and calls `done` once when it was answered, with the text of an error. */
  handle(message: Message, done: (error?: string) => void): void;
}

export interface MicroServiceOptions {
  /** `[A-Za-z0-9_-]+` */
  name: string;
  /** Semver. */
  version: string;
  description?: string;
  metadata?: Record<string, string>;
  endpoints: MicroEndpoint[];
  /** Goes into `data` of every endpoint's statistics. */
  stats?: () => unknown;
}

export interface MicroService {
  readonly id: string;
  /** The subscriptions of its endpoints and of its discovery. */
  readonly subscriptions: readonly Subscription[];
  /** The statistics of an endpoint, for requests that come another way than over NATS. Throws where there is none. */
  counterOf(endpoint: string): RequestCounter;
  drain(): Promise<void>;
  close(): void;
}

/** Counts the requests of an endpoint. */
export class RequestCounter {
  requests = 0;
  answered = 0;
  errors = 0;
  lastError = "";
  processingMs = 0;

  /** Counts a request. The returned function is called once when it was answered, with the text of an error. */
  begin(): (error?: string) => void {
    this.requests += 1;
    const startedAt = performance.now();
    return (error) => {
      this.answered += 1;
      this.processingMs += performance.now() - startedAt;
      if (error === undefined) return;
      this.errors += 1;
      this.lastError = error;
    };
  }
}

const NANOS_PER_MS = 1_000_000;

/** Registers a service. It is live on the server after the next `nats.confirm()`. */
export function registerMicroService(nats: Nats, options: MicroServiceOptions): MicroService {
  const id = crypto.randomUUID().replaceAll("-", "");
  const started = new Date().toISOString();
  const metadata = { ...options.metadata, [WORLD_KEY]: nats.world.id };
  const identity = { name: options.name, id, version: options.version, metadata };
  const description = options.description ?? "";
  const endpoints = options.endpoints.map((endpoint) => {
    const counts = new RequestCounter();
    const handle = (message: Message) => endpoint.handle(message, counts.begin());
    const subscription = nats.subscribe(endpoint.subject, handle, {
      queue: REQUEST_QUEUE,
      isOpen: endpoint.isOpen === true,
    });
    const subject = endpoint.isOpen === true ? endpoint.subject : nats.world.toWire(endpoint.subject);
    return { endpoint: { ...endpoint, subject }, counts, subscription };
  });

  const answers: Record<string, () => unknown> = {
    PING: () => ({ type: "io.nats.micro.v1.ping_response", ...identity }),
    INFO: () => ({
      type: "io.nats.micro.v1.info_response",
      ...identity,
      description,
      endpoints: endpoints.map(({ endpoint: { name, subject, metadata: about = {} } }) => ({
        name,
        subject,
        queue_group: REQUEST_QUEUE,
        metadata: about,
      })),
    }),
    STATS: () => ({
      type: "io.nats.micro.v1.stats_response",
      ...identity,
      started,
      endpoints: endpoints.map(({ endpoint, counts }) => statsOf(endpoint, counts, options.stats?.())),
    }),
  };
  const discovery = ["$SRV.*", `$SRV.*.${options.name}`, `$SRV.*.${options.name}.${id}`].map(
    (subject): Subscription =>
      nats.subscribe(subject, (message) => {
        const answer = answers[message.subject.split(".")[1] ?? ""];
        if (answer !== undefined) message.respond(JSON.stringify(answer()));
      }),
  );

  return {
    id,
    subscriptions: [...endpoints.map(({ subscription }) => subscription), ...discovery],
    counterOf(name) {
      const found = endpoints.find(({ endpoint }) => endpoint.name === name);
      if (found === undefined) throw new RangeError(`the service has no endpoint ${name}`);
      return found.counts;
    },
    async drain() {
      await Promise.all(endpoints.map(({ subscription }) => subscription.drain()));
    },
    close() {
      for (const subscription of discovery) subscription.unsubscribe();
      for (const { subscription } of endpoints) subscription.unsubscribe();
    },
  };
}

function statsOf(endpoint: MicroEndpoint, counts: RequestCounter, data: unknown) {
  const nanos = Math.round(counts.processingMs * NANOS_PER_MS);
  return {
    name: endpoint.name,
    subject: endpoint.subject,
    queue_group: REQUEST_QUEUE,
    num_requests: counts.requests,
    num_errors: counts.errors,
    last_error: counts.lastError,
    processing_time: nanos,
    average_processing_time: counts.answered === 0 ? 0 : Math.round(nanos / counts.answered),
    ...(data === undefined ? {} : { data }),
  };
}
