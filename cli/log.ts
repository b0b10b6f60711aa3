import { type Logger, pino, stdSerializers } from "pino";
import type { NatsOptions } from "../nats/index.ts";
import { readableStack } from "./built/readable-stacks.ts";
import type { LogLevel } from "./options/log-level.ts";

/** The log of a long-running part: JSON lines on standard error. */
export function createLog(level: LogLevel): Logger {
  return pino(
    { level, base: null, serializers: { err: describeError } },
    pino.destination({ fd: 2, sync: true }),
  );
}

function describeError(error: Error) {
  const described = stdSerializers.err(error);
  return typeof described?.stack === "string"
    ? { ...described, stack: readableStack(described.stack) }
    : described;
}

/** Logs the faults of message handlers and the refusals of the NATS server; the part runs on. */
export function logConnection(log: Logger): Pick<NatsOptions, "onHandlerError" | "onRefused"> {
  return {
    onHandlerError: (error, subject) => log.error({ err: error, subject }, "a message was not handled"),
    onRefused: ({ code, message }) => log.error({ code, error: message }, "NATS refuses something"),
  };
}
