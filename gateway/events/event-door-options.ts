import type { FunctionSpec } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import type { Nats } from "../../nats/index.ts";

export interface EventDoorOptions {
  nats: Nats;
  specs(): Iterable<FunctionSpec>;
  log: Log;
}
