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

  /** The platform's own class makes the errors of `env.ORDERS.pay()`: they are known by their shape. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a class that extends this one keeps its own instances.
    if (this !== ActionError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isActionError(value);
  }
}

/** Whether a thrown value is an error of an action. A library of its own copy may have made it. */
export function isActionError(error: unknown): error is ActionError {
  if (!(error instanceof Error) || !("data" in error)) return false;
  for (let made: unknown = error.constructor; typeof made === "function"; made = Object.getPrototypeOf(made))
    if (made === ActionError || made.name === "ActionError") return true;
  return false;
}
