import { NumberTable } from "../../contracts/index.ts";

/** A call that later messages name by a token (`streamToken`). */
export interface Named {
  readonly token: string | undefined;
}

/**
 * Calls by their tokens. A map of texts would cost much: V8 keeps a table of all texts that were keys, and its collector cannot follow
 * maps that change with each call (contracts/number-table.ts). So the number in a token leads to its call. Few tokens at a time
 * have the same number, or none.
 */
export class CallsByToken<Call extends Named> {
  readonly #byNumber = new NumberTable<Call>();
  readonly #others = new Map<string, Call>();

  get(token: string): Call | undefined {
    const call = this.#byNumber.get(numberOf(token));
    if (call?.token === token) return call;
    return this.#others.size === 0 ? undefined : this.#others.get(token);
  }

  /** The token must not be in use. */
  add(token: string, call: Call): void {
    const number = numberOf(token);
    if (number === NONE || this.#byNumber.has(number)) this.#others.set(token, call);
    else this.#byNumber.set(number, call);
  }

  delete(token: string): void {
    const number = numberOf(token);
    if (this.#byNumber.get(number)?.token === token) this.#byNumber.delete(number);
    else this.#others.delete(token);
  }
}

const NONE = -1;

function numberOf(token: string): number {
  const number = Number.parseInt(token.slice(token.lastIndexOf(".") + 1), 36);
  return Number.isSafeInteger(number) ? number : NONE;
}
