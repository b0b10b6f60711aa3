import type { Logger } from "pino";

/** Where the gateway writes what happens: one event a line, facts as fields. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;
