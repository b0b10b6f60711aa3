import { type Logger, pino } from "pino";
import type { NatsOptions } from "../nats/index.ts";
import type { LogLevel } from "./options/log-level.ts";

/** The log of a long-running part: JSON lines on standard error. */
export function createLog(level: LogLevel): Logger {
  return pino({ level, base: null }, pino.destination({ fd: 2, sync: true }));
}

/** Logs the faults of message handlers and the refusals of the NATS server; the part runs on. */
export function logConnection(log: Logger): Pick<NatsOptions, "onHandlerError" | "onRefused"> {
  return {
    onHandlerError: (error, subject) => log.error({ err: error, subject }, "a message was not handled"),
    onRefused: ({ code, message }) => log.error({ code, error: message }, "NATS refuses something"),
  };
}
