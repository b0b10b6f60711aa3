import { LOG_LEVELS, type LogLevel, levelOf, type StatusEvent } from "../contracts/index.ts";
import type { HistoryEntry } from "../nats/index.ts";

/** The entries of a log that a reader wants. Each part that is given has to fit. */
export interface LogFilter {
  /** In the message. */
  grep?: RegExp | undefined;
  /** This level and graver ones. */
  level?: LogLevel | undefined;
  /** The beginning of an instance's name. */
  instance?: string | undefined;
  /** The beginning of a trace's id. Status events belong to no trace. */
  trace?: string | undefined;
}

/** Whether an entry of a log fits a filter. */
export function matchesFilter(entry: HistoryEntry, { grep, level, instance, trace }: LogFilter): boolean {
  const facts = factsOf(entry);
  if (instance !== undefined && !facts.instance.startsWith(instance)) return false;
  if (trace !== undefined && !(facts.trace ?? "").startsWith(trace.toLowerCase())) return false;
  if (level !== undefined && LOG_LEVELS.indexOf(facts.level) < LOG_LEVELS.indexOf(level)) return false;
  return grep === undefined || grep.test(facts.text);
}

function factsOf(entry: HistoryEntry) {
  if (entry.kind === "status") {
    const { instance_id: instance } = entry.event;
    return {
      instance,
      trace: undefined,
      level: levelOfStatus(entry.event),
      text: describeStatus(entry.event),
    };
  }
  const { instance_id: instance, trace_id: trace, message: text } = entry.line;
  return { instance, trace, level: levelOf(entry.line), text };
}

/** The level of a status event: an instance that failed or crashed is an error. */
export function levelOfStatus({ status }: Pick<StatusEvent, "status">): LogLevel {
  return status === "failed" || status === "crashed" ? "error" : "info";
}

/** A status event for people: `crashed, exit code 3: …`. */
export function describeStatus({ status, pid, exit_code, error }: StatusEvent): string {
  const facts = [
    status,
    ...(pid === undefined || pid === 0 ? [] : [`pid ${pid}`]),
    ...(exit_code === undefined ? [] : [exit_code < 0 ? "ended by a signal" : `exit code ${exit_code}`]),
  ];
  return `${facts.join(", ")}${error === undefined || error === "" ? "" : `: ${error}`}`;
}
