/** Errors that a service declares. They arrive at its callers as they were thrown. */

/** An error of an action, by its name. At a caller: an error that the service has thrown. */
export class ActionError<Name extends string = string, Data = unknown> extends Error {
  override readonly name: Name;
  readonly data: Data;

  constructor(name: Name, data?: Data, options?: { message?: string; cause?: unknown }) {
    super(options?.message ?? name, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = name;
    this.data = data as Data;
  }
}

/** Whether a thrown value is an error of an action. A library of its own copy may have made it. */
export function isActionError(error: unknown): error is ActionError {
  if (error instanceof ActionError) return true;
  return error instanceof Error && "data" in error && error.constructor?.name === "ActionError";
}
