import { value } from "./option.ts";
import { oneOf } from "./values.ts";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** The lowest level that a long-running part logs. */
export const logLevel = (fallback: LogLevel) =>
  value({
    flag: "--log-level <level>",
    variables: ["NARUN_LOG_LEVEL"],
    help: "lowest level of the log: trace, debug, info, warn, error, fatal, silent",
    fallback,
    parse: oneOf(LOG_LEVELS),
  });
