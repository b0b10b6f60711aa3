/** The queries of lists. */
import { z } from "zod";
import { badCall } from "./body.ts";

export const TextSchema = z.string().optional();
/** Milliseconds since 1970. */
export const TimeSchema = z.coerce.number().int().optional();

const PageSchema = z.object({
  limit: z.coerce.number().int().min(0).max(10_000).default(100),
  offset: z.coerce.number().int().min(0).default(0),
});

/** Reads a query by a schema; other fields are passed over. Error: RUNTARA_BAD_CALL. */
export function readQuery<T>(query: URLSearchParams, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(Object.fromEntries(query));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badCall(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

/** The part of a list that `limit` and `offset` name. */
export function page<T>(query: URLSearchParams, all: readonly T[]) {
  const { limit, offset } = readQuery(query, PageSchema);
  return { items: all.slice(offset, offset + limit), total_count: all.length, limit, offset };
}
