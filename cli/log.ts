import { type Logger, pino } from "pino";
import { NarunError, nearest } from "../contracts/index.ts";
import type { NatsOptions } from "../nats/index.ts";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** The log of a long-running part: JSON lines on standard error. `level` is what `--log-level` says. */
export function createLog(level: string | undefined, fallback: string): Logger {
  const wanted = level ?? process.env.NARUN_LOG_LEVEL ?? fallback;
  if (!LOG_LEVELS.includes(wanted)) {
    const meant = nearest(wanted, LOG_LEVELS);
    const advice = meant === undefined ? `it is one of ${LOG_LEVELS.join(", ")}` : `did you mean "${meant}"?`;
    throw new NarunError("USAGE", { detail: `there is no log level ${JSON.stringify(wanted)}; ${advice}` });
  }
  return pino({ level: wanted, base: null }, pino.destination({ fd: 2, sync: true }));
}

/** For a connection: a fault in what handles a message is logged, as is what the server refuses, and the part goes on. */
export function logConnection(log: Logger): Pick<NatsOptions, "onHandlerError" | "onRefused"> {
  return {
    onHandlerError: (error, subject) => log.error({ err: error, subject }, "a message was not handled"),
    onRefused: ({ code, message }) => log.error({ code, error: message }, "NATS refuses something"),
  };
}
