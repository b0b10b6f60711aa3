export type { ClusterAddress, ServerAccess, TlsFiles } from "./config.ts";
export { lockDataDir } from "./data-lock.ts";
export { findNatsServer, type NamedServer, userCacheDir } from "./find.ts";
export type { ServerProgress } from "./server-source.ts";
export { type NatsServer, startNatsServer } from "./start.ts";
