import type { ErrorCode, FunctionConfig, GoneReason } from "../../../contracts/index.ts";
import type { Ledger, Nats } from "../../../nats/index.ts";
import type { OpenCalls, Peers, StreamPresence } from "../../../streams/index.ts";
import type { DrainOrder } from "../../host.ts";
import type { SourceMaps } from "../../instance/source-maps.ts";
import type { Sandbox } from "../engine.ts";
import type { InspectorChannel } from "../inspector/inspector-channel.ts";
import type { RateLimits } from "../operations/bindings/rate-limits.ts";
import type { Pool } from "./pool.ts";
import type { Watchdog } from "./watchdog.ts";

export interface InstanceOptions {
  nats: Nats;
  node: string;
  pool: Pool;
  peers: Peers;
  presence: StreamPresence;
  calls: OpenCalls;
  rateLimits: RateLimits;
  /** Notes what gateways send to this instance. */
  ledger: Ledger;
  egressDeny: readonly string[];
  sourceMaps: SourceMaps;
  instance: string;
  revision: string;
  config: FunctionConfig;
  secrets: Readonly<Record<string, string>>;
  bundle: Uint8Array;
  watchdog: Watchdog;
  /** The sandbox was disposed, and goes on all the same. */
  onRunaway(sandbox: Sandbox): void;
  /** Says that the sandbox is this instance's. */
  adopted(sandbox: Sandbox): void;
  onIdle(): void;
  /** It is nearly full: another is to take its place before a request pays for that. */
  onFull(): void;
  /** It hit a limit: it takes nothing new. */
  onCondemned(): void;
  onGone(reason: GoneReason, code?: ErrorCode): void;
}

export interface Instance {
  /** Takes nothing new, finishes what was taken within the grace, ends. Resolves when it is gone. */
  drain(order: DrainOrder): Promise<void>;
  /** V8's inspector, where debuggers may attach. */
  readonly inspector: InspectorChannel | undefined;
}
