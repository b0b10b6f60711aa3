import { DOMException } from "../dom/dom-exception.ts";
import { QuotaExceededError } from "../dom/quota-exceeded-error.ts";
import { bytesOf, typedArrayKind } from "../webidl/buffer-source.ts";
import { asInterface, requireArguments } from "../webidl/webidl.ts";
import { randomBytes, randomUuid } from "./random.ts";
import { type SubtleCrypto, subtle } from "./subtle-crypto.ts";

/** Upper bound of the bytes in one call (Web Cryptography, `getRandomValues`). */
const MAX_BYTES = 65_536;

/** The key with which the platform makes the only object. User code has no key. */
const CONSTRUCTOR_KEY = Symbol("constructor key");

export class Crypto {
  readonly #subtle: SubtleCrypto;

  constructor(...given: unknown[]) {
    if (given[0] !== CONSTRUCTOR_KEY) throw new TypeError("Illegal constructor");
    this.#subtle = subtle;
  }

  get subtle(): SubtleCrypto {
    return this.#subtle;
  }

  /** Fills a view of integers with random bytes, at most 65,536. */
  getRandomValues<T extends ArrayBufferView>(array: T): T {
    this.#check(arguments, 1, "getRandomValues");
    if (!ArrayBuffer.isView(array)) throw new TypeError("The array is not a view of an ArrayBuffer.");
    const kind = typedArrayKind(array);
    if (kind === undefined || kind.startsWith("Float"))
      throw new DOMException(`${kind ?? "DataView"} is not a view of integers`, "TypeMismatchError");
    const bytes = bytesOf(array, "The array");
    if (bytes.length > MAX_BYTES)
      throw new QuotaExceededError(
        `getRandomValues gives at most ${MAX_BYTES} bytes a call, ${bytes.length} were asked for`,
      );
    bytes.set(randomBytes(bytes.length));
    return array;
  }

  randomUUID(): string {
    this.#check(arguments, 0, "randomUUID");
    return randomUuid();
  }

  #check(given: IArguments, needed: number, method: string): void {
    if (this.#subtle !== undefined) requireArguments(given.length, needed, `Crypto.${method}`);
  }
}

asInterface("Crypto", Crypto);

export const crypto = new Crypto(CONSTRUCTOR_KEY);
