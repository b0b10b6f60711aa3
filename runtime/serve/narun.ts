/** The package `narun` in a program of one's own: the types for authors, and `serve`. Functions get `functions/sdk/` alone. */
export * from "../../functions/sdk/index.ts";
export { connect, serve, serveGrpc, upgradeWebSocket } from "./index.ts";
