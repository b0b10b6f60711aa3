/** The host operations that an isolate may call while it runs tests: all operations that need no NATS. */
import { FunctionConfigSchema } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import type { HostOperations } from "../../runtime/index.ts";
import { createOperations, RateLimits } from "../../runtime/index.ts";
import type { OpenCalls, Peers, StreamPresence } from "../../streams/index.ts";

const config = FunctionConfigSchema.parse({
  name: "wpt",
  routes: [],
  // The tests' own server is on this machine.
  egress: ["localhost", "127.0.0.1"],
  limits: { subrequests: 100_000 },
});

/** Any property can be read. Any call throws. */
const none: unknown = new Proxy(() => undefined, {
  get: (_target, key) => (key === Symbol.toPrimitive ? () => 0 : none),
  apply() {
    throw new Error("tests of the platform have no NATS");
  },
});
const noNats = {
  nats: none as Nats,
  peers: none as Peers,
  presence: none as StreamPresence,
  calls: none as OpenCalls,
  rateLimits: new RateLimits(),
};

export function createTestOperations(log: (text: string) => void): HostOperations {
  return createOperations({ ...noNats, config, egressDeny: [], log });
}
