import { Server as NetServer } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { aborted } from "../../dispatch/index.ts";
import { type Address, listen } from "../../machine/index.ts";
import type { Door } from "../door.ts";
import { createWebSockets } from "../websocket/websocket.ts";
import { createEndings } from "./endings.ts";
import { untilLeft } from "./lame-duck.ts";
import { createHttpServer, type HttpOptions } from "./server.ts";

export interface HttpDoorOptions
  extends Omit<HttpOptions, "webSockets" | "endings" | "isLeaving" | "isDraining"> {
  /** Port 0 picks a free one. */
  address: Address;
}

/** How long requests on idle connections are still read after dispatch is idle. */
const LATE_REQUESTS_MS = 50;

/** How long the answers at the end of the grace may take to be written. */
const LAST_ANSWERS_MS = 250;

/**
 * HTTP/1.1, and WebSockets by its upgrades.
 *
 * I1  A door that leaves or drains answers with `Connection: close`.
 * I2  A connection that is kept alive stays open until dispatch is idle, and `LATE_REQUESTS_MS` more. Its requests are
 *     refused meanwhile.
 */
export function httpDoor({ address, ...options }: HttpDoorOptions): Door {
  const state = { isLeaving: false, isDraining: false };
  const webSockets = createWebSockets();
  const server = createHttpServer({
    ...options,
    webSockets,
    endings: createEndings(),
    isLeaving: () => state.isLeaving,
    isDraining: () => state.isDraining,
  });
  let closed: Promise<void> | undefined;

  /** Node's own `close` would also cut the idle connections, and with them requests that are on their way. */
  const stopListening = () => {
    closed = new Promise((resolve) => server.once("close", resolve));
    NetServer.prototype.close.call(server);
  };

  return {
    name: "http",
    listen: () => listen(server, address, "--http"),
    leave(forMs) {
      state.isLeaving = true;
      options.own.close();
      return untilLeft(server, forMs);
    },
    async drain({ graceMs }) {
      state.isLeaving = true;
      state.isDraining = true;
      options.own.close();
      webSockets.drain();
      const grace = aborted(AbortSignal.timeout(graceMs));
      stopListening();
      await Promise.race([options.dispatcher.idle(), grace]);
      // A request that is on its way would be lost with its connection. It is read, and refused.
      await Promise.race([closed, sleep(LATE_REQUESTS_MS), grace]);
      // A timer of a busy process may be due before the sockets are read.
      await turn();
      // A request whose body is still being read is not in dispatch yet. Its connection is not idle.
      server.closeIdleConnections();
      await Promise.race([closed, grace]);
    },
    async close() {
      options.own.close();
      if (closed !== undefined) {
        server.closeIdleConnections();
        await Promise.race([closed, sleep(LAST_ANSWERS_MS)]);
      }
      server.close();
      server.closeAllConnections();
      webSockets.close();
    },
  };
}
