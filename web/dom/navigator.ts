import { asInterface } from "../webidl/webidl.ts";

/** The key with which the platform makes the only object. User code has no key. */
const CONSTRUCTOR_KEY = Symbol("constructor key");

/** The members of `Navigator` that apply to a server. Libraries recognise the platform by the user agent. */
export class Navigator {
  readonly #userAgent = "narun";

  constructor(constructorKey: unknown = undefined) {
    if (constructorKey !== CONSTRUCTOR_KEY) throw new TypeError("Illegal constructor");
  }

  get userAgent(): string {
    return this.#userAgent;
  }
}

asInterface("Navigator", Navigator);

export const navigator = new Navigator(CONSTRUCTOR_KEY);
