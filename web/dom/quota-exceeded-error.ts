import { registerCloneRule } from "../cloning/clone-rules.ts";
import { asInterface, conversions, toDictionary } from "../webidl/webidl.ts";
import { DOMException } from "./dom-exception.ts";

/** `QuotaExceededError` of Web IDL: a DOMException that may give the quota and the requested amount. */
export class QuotaExceededError extends DOMException {
  readonly #quota: number | null;
  readonly #requested: number | null;

  constructor(message: unknown = "", options: unknown = {}) {
    super(message, "QuotaExceededError");
    const source = toDictionary(options, "The options");
    this.#quota = toAmount(source.quota, "quota");
    this.#requested = toAmount(source.requested, "requested");
    if (this.#quota !== null && this.#requested !== null && this.#requested < this.#quota)
      throw new RangeError("requested is less than quota.");
  }

  static is(value: object): value is QuotaExceededError {
    return #quota in value;
  }

  get quota(): number | null {
    return this.#quota;
  }

  get requested(): number | null {
    return this.#requested;
  }
}

const isQuotaExceededError = QuotaExceededError.is;
// User code sees the constructor, and must not see `is`.
Reflect.deleteProperty(QuotaExceededError, "is");
asInterface("QuotaExceededError", QuotaExceededError);

registerCloneRule<QuotaExceededError>(QuotaExceededError.prototype, {
  is: isQuotaExceededError,
  clone: ({ message, quota, requested, stack }) => {
    const copy = new QuotaExceededError(message, {
      ...(quota === null ? {} : { quota }),
      ...(requested === null ? {} : { requested }),
    });
    if (typeof stack === "string") Object.defineProperty(copy, "stack", { value: stack });
    return copy;
  },
});

function toAmount(value: unknown, context: string): number | null {
  if (value === undefined) return null;
  const amount = conversions.double(value, { context });
  if (amount < 0) throw new RangeError(`${context} is negative.`);
  return amount;
}
