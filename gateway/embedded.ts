/** A gateway inside an application: its requests come from the application's own HTTP server. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Log, ShortPath } from "../dispatch/index.ts";
import { connectNats, type Nats, parseServers } from "../nats/index.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { type ClientOfRequest, Mount } from "./http/mount.ts";

export interface EmbeddedOptions {
  /** The address of NATS: `nats://127.0.0.1:4222`, also with a login. Or a connection of narun, which stays its owner's. */
  nats: string | Nats;
  /** Addresses and networks of proxies before the application's server. Default: none. */
  trustedProxies?: readonly string[];
  /** Whether requests go by sockets to functions on the same machine. Default `auto`: where they can. */
  shortPath?: ShortPath;
  /** A logger in the form of pino. Default: none. */
  log?: Log;
}

export interface EmbeddedGateway {
  /** Resolves when the gateway takes requests. Earlier ones wait. Rejects where NATS cannot be reached. */
  readonly ready: Promise<void>;
  /**
   * Answers a request of the Fetch API, such as `c.req.raw` of Hono. `client`: its client's address, where the server knows
   * it. A request for a WebSocket needs `upgrade`.
   */
  fetch(request: Request, client?: ClientOfRequest): Promise<Response>;
  /**
   * Answers a request of Node's HTTP server; a middleware of Express. With `next` a request without a route goes on to the
   * application.
   */
  handle(incoming: IncomingMessage, outgoing: ServerResponse, next?: (error?: unknown) => void): void;
  /** Takes the `upgrade` events of Node's HTTP server: WebSockets. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Finishes the open requests, within `graceMs` (default 10,000), and closes. */
  drain(options?: { graceMs?: number }): Promise<void>;
  /** Closes at once. */
  close(): Promise<void>;
}

const NO_LOG: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const GRACE_MS = 10_000;

function ignore(): void {
  // The application wants no log.
}

/** Starts a gateway inside an application. It begins to connect at once. */
export function createGateway(options: EmbeddedOptions): EmbeddedGateway {
  const mount = new Mount();
  const starting = start(options, mount);
  const ready = starting.then(() => undefined);
  // A fault is told by `ready`, and by each request.
  ready.catch(ignore);
  const end = async (how: (gateway: Gateway) => Promise<void>) => {
    const { gateway, nats } = await starting;
    await how(gateway);
    if (typeof options.nats === "string") await nats.close();
  };
  return {
    ready,
    async fetch(request, client) {
      await ready;
      return mount.fetch(request, client);
    },
    handle(incoming, outgoing, next) {
      const fail = (error: unknown) => (next === undefined ? outgoing.destroy() : next(error));
      ready.then(() => {
        if (next !== undefined && !mount.takes(incoming)) next();
        else mount.handle(incoming, outgoing);
      }, fail);
    },
    upgrade(incoming, socket, head) {
      ready.then(
        () => mount.upgrade(incoming, socket as Socket, head),
        () => socket.destroy(),
      );
    },
    drain: ({ graceMs = GRACE_MS } = {}) => end((gateway) => gateway.drain({ graceMs })),
    close: () => end((gateway) => gateway.close()),
  };
}

async function start(options: EmbeddedOptions, mount: Mount): Promise<{ gateway: Gateway; nats: Nats }> {
  const { trustedProxies = [], shortPath = "auto", log = NO_LOG } = options;
  const nats = typeof options.nats === "string" ? await open(options.nats) : options.nats;
  const gateway = await startGateway({ nats, http: mount, trustedProxies, shortPath, log });
  return { gateway, nats };
}

function open(address: string): Promise<Nats> {
  const { url, login } = parseServers(address);
  return connectNats({ url, login, name: "narun gateway" });
}
