import { z } from "zod";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A log line on `logs.<app>.<node>` (compatible; ours adds level, request_id, trace_id and revision). */
export const LogLineSchema = z.looseObject({
  instance_id: z.string(),
  app_name: z.string(),
  node_id: z.string(),
  stream: z.enum(["stdout", "stderr"]),
  message: z.string(),
  /** ISO 8601. */
  timestamp: z.string(),
  level: z.enum(LOG_LEVELS).optional(),
  request_id: z.string().optional(),
  revision: z.string().optional(),
  /** The trace of its request (W3C Trace Context), 32 hex digits. */
  trace_id: z.string().optional(),
  /** The id of its world. Other worlds hear the same subject. */
  world: z.string().optional(),
});
export type LogLine = z.infer<typeof LogLineSchema>;

/** The level of a line. A line of the original toolkit has none: it is by its stream. */
export function levelOf({ level, stream }: Pick<LogLine, "level" | "stream">): LogLevel {
  return level ?? (stream === "stderr" ? "error" : "info");
}
