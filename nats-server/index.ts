export { lockDataDir } from "./data-lock.ts";
export { findNatsServer, userCacheDir } from "./find.ts";
export type { ServerProgress } from "./server-source.ts";
export { type NatsServer, startNatsServer } from "./start.ts";
