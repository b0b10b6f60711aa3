export type { ShortPath } from "../dispatch/index.ts";
export { type CompatConfig, readGatewayConfig } from "./config.ts";
export { createGateway, type EmbeddedGateway, type EmbeddedOptions } from "./embedded.ts";
export { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";
export type { ClientOfRequest } from "./http/mount.ts";
export type { InterfaceOptions } from "./interface/interface-door.ts";
export type { MetricValues } from "./metrics.ts";
