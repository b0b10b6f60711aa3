/** Consumers that are not deployed: `narun/serve`. */
export type {
  NatsAccess,
  ServedApp,
  ServedConsumer,
  ServedHandler,
  ServeOptions,
  UpgradedWebSocket,
} from "../../functions/sdk/index.ts";
export { upgradeWebSocket } from "../handler/upgrade.ts";
export { connect } from "./connect.ts";
export { serve, serveGrpc } from "./serve.ts";
