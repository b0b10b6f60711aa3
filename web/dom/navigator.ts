import { asInterface } from "../webidl/webidl.ts";

/** Shown by the platform where it makes the one object: nobody else can. */
const MAKER = Symbol("maker");

/** What of `Navigator` a server has: by its user agent libraries tell where they run. */
export class Navigator {
  readonly #userAgent = "narun";

  constructor(maker: unknown = undefined) {
    if (maker !== MAKER) throw new TypeError("Illegal constructor");
  }

  get userAgent(): string {
    return this.#userAgent;
  }
}

asInterface("Navigator", Navigator);

export const navigator = new Navigator(MAKER);
