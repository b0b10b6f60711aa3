import { bindMethods } from "./bind-methods.ts";
import { callBinding } from "./host-result.ts";
import { requireKnownOptions, requireNoMore, requireText } from "./options.ts";

/** The object of a rate limit in `env` (functions/sdk: RateLimit). */
export class RateLimit {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    bindMethods(this);
  }

  async limit(options: { key: string }, ...more: unknown[]): Promise<{ success: boolean }> {
    requireKnownOptions("RATELIMIT.limit", options, ["key"]);
    requireText("RATELIMIT.limit", "key", options.key);
    requireNoMore("RATELIMIT.limit", "(options)", more);
    return { success: (await callBinding("ratelimit.limit", this.#name, options.key)) === true };
  }

  get [Symbol.toStringTag](): string {
    return "RateLimit";
  }
}
