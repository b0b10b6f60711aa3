export type { HoldLimits } from "../dispatch/hold.ts";
export type { Address } from "../machine/listen.ts";
export { type CompatConfig, readGatewayConfig } from "./config.ts";
export { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";
