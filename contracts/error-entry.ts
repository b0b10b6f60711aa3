import type { Limits } from "./function-config.ts";

/** The facts of one error code (error-catalogue.ts). */
export interface ErrorEntry {
  /** One line, the same for every occurrence (RFC 9457 `title`). */
  title: string;
  /** The advice for a person who meets the error. NAME stands for the function's name. */
  solve: string;
  /** The function's limit that was met. */
  limit?: keyof Limits;
  /** HTTP status, for the codes that a gateway answers with. */
  status?: number;
  /** Whether the same request may succeed later, unchanged. Adds `Retry-After` to 429 and 503. */
  retryable?: boolean;
}
