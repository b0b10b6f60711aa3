export type { ShortPath } from "../dispatch/index.ts";
export { type CompatConfig, readGatewayConfig } from "./config.ts";
export { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";
export type { MetricValues } from "./metrics.ts";
