import { Server as NetServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { aborted } from "../../dispatch/index.ts";
import { type Address, listen } from "../../machine/index.ts";
import type { Door } from "../door.ts";
import { createLearnedServices } from "./learned.ts";
import { createOwnServices, type OwnServicesOptions } from "./own-services.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { createGrpcServer, type KeepAlive, type ServerTls } from "./server.ts";

export type GrpcDoorOptions = Omit<ServeOptions, "isDraining" | "learned" | "own"> &
  Pick<OwnServicesOptions, "canServe"> & {
    /** Whether the gateway reaches NATS, and does not leave. */
    isHealthy(): boolean;
    /** Port 0 picks a free one. */
    address: Address;
    /** Default: HTTP/2 without TLS (h2c). */
    tls?: ServerTls | undefined;
    keepAlive?: Partial<KeepAlive> | undefined;
  };

/** How long the last statuses may take to be written. */
const LAST_STATUSES_MS = 250;

/**
 * gRPC.
 *
 * I1  A door that leaves or drains sends GOAWAY: clients open their next connection elsewhere, and their calls under way go on.
 * I2  A call that comes while the door drains gets UNAVAILABLE, which clients may send again, and never a reset.
 */
export function grpcDoor({ address, tls, keepAlive, ...options }: GrpcDoorOptions): Door {
  const state = { isDraining: false };
  const learned = createLearnedServices(options);
  const isServing = () => options.isHealthy() && !state.isDraining;
  const own = createOwnServices({ ...options, learned, isServing });
  const { server, goAway, destroy, connections } = createGrpcServer({
    tls,
    keepAlive,
    log: options.log,
    serve: (call) => serve({ ...options, learned, own, isDraining: () => state.isDraining }, call),
  });
  let closed: Promise<void> | undefined;
  const stopListening = () => {
    closed ??= new Promise((resolve) => server.once("close", resolve));
    if (server.listening) NetServer.prototype.close.call(server);
  };
  return {
    name: "grpc",
    /** `HOST:PORT`, as clients of gRPC name their target. */
    listen: async () => (await listen(server, address, "--grpc")).replace(/^http:\/\//, ""),
    async leave(forMs) {
      const untilMs = performance.now() + forMs;
      goAway();
      while (connections() > 0 && performance.now() < untilMs) await sleep(50);
    },
    async drain({ graceMs }) {
      state.isDraining = true;
      const grace = aborted(AbortSignal.timeout(graceMs));
      stopListening();
      goAway();
      await Promise.race([options.dispatcher.idle(), grace]);
      await Promise.race([closed, sleep(LAST_STATUSES_MS), grace]);
    },
    async close() {
      stopListening();
      goAway();
      if (connections() > 0) await Promise.race([closed, sleep(LAST_STATUSES_MS)]);
      destroy();
    },
  };
}
