import { z } from "zod";
import type { SealPlace } from "./keys.ts";

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
  /** Its text, sealed (docs/encryption.md). `message` only says for whom. */
  sealed: z.string().optional(),
  /** Of a sealed line: its place among those of its instance, from 1. */
  number: z.int().positive().optional(),
});
export type LogLine = z.infer<typeof LogLineSchema>;

/** The level of a line. A line of the original toolkit has none: it is by its stream. */
export function levelOf({ level, stream }: Pick<LogLine, "level" | "stream">): LogLevel {
  return level ?? (stream === "stderr" ? "error" : "info");
}

/** The text of a line whose own text is sealed. */
export function sealedText(label: string, why?: string): string {
  return `(sealed for ${label}${why === undefined ? "" : `: ${why}`})`;
}

/** The place of a sealed line: with another fact beside it, or in another function's log, its text does not open. */
export function placeOfLine(line: LogLine): SealPlace {
  const { app_name, instance_id, node_id, revision, world, stream, level, timestamp, number } = line;
  const facts = [node_id, revision, world, stream, level, timestamp, line.request_id, line.trace_id, number];
  return ["log", app_name, instance_id, ...facts.map((fact) => String(fact ?? ""))];
}
