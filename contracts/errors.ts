import { type ErrorCode, errorEntry } from "./error-catalogue.ts";

/** Facts of one occurrence. `detail` is the sentence that people read; the rest is for logs and `--json`. Never secrets. */
export interface ErrorFields {
  detail?: string;
  [field: string]: unknown;
}

/**
 * The one error class of narun. `code` is from the catalogue and decides status, retry and advice; `fields.detail`
 * tells this occurrence; `cause` keeps the error that led to it.
 */
export class NarunError extends Error {
  override readonly name = "NarunError";
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, fields: ErrorFields = {}, options: { cause?: unknown } = {}) {
    const { title } = errorEntry(code);
    super(fields.detail === undefined ? title : `${title}: ${fields.detail}`, options);
    this.code = code;
    this.fields = fields;
  }
}

export function isNarunError(error: unknown, code?: ErrorCode): error is NarunError {
  return error instanceof NarunError && (code === undefined || error.code === code);
}

/** The message of a thrown value of any type. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
