export { type CompatConfig, readGatewayConfig } from "./config.ts";
export { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";
export type { HoldLimits } from "./hold.ts";
export type { Address } from "./listen.ts";
