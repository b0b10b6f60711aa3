/**
 * `SubtleCrypto`: the isolate converts and copies the arguments at once, as the standard requires. The host does the work
 * and all further checks with its own Web Cryptography.
 */
import type { Data } from "../host/boundary.ts";
import { isBufferSource, toBufferSource } from "../webidl/buffer-source.ts";
import { asInterface, conversions, requireArguments, toEnum, toSequence } from "../webidl/webidl.ts";
import { type CryptoKey, createKey, idOfKey, type KeyDescription } from "./crypto-key.ts";
import { callCrypto } from "./host-crypto.ts";
import { toJsonWebKey } from "./jwk.ts";
import { KEY_FORMATS, KEY_USAGES } from "./key-terms.ts";
import { isObject, normalizeAlgorithm, toAlgorithmIdentifier } from "./normalize.ts";
import { supports } from "./supports.ts";

/** The key with which the platform makes the only object. User code has no key. */
const CONSTRUCTOR_KEY = Symbol("constructor key");

/*
 * All methods are asynchronous: an operation that returns a promise throws nothing. The arguments are read before the
 * first await: first their types, then the members of the algorithms, last the copies of the bytes.
 */
export class SubtleCrypto {
  readonly #isReal = true;

  constructor(...given: unknown[]) {
    if (given[0] !== CONSTRUCTOR_KEY) throw new TypeError("Illegal constructor");
  }

  static supports(operation: unknown, algorithm: unknown, lengthOrAlgorithm: unknown = null): boolean {
    requireArguments(arguments.length, 2, "SubtleCrypto.supports");
    return supports(operation, algorithm, lengthOrAlgorithm);
  }

  async encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<unknown> {
    this.#check(arguments, 3, "encrypt");
    return cipher("encrypt", algorithm, key, data);
  }

  async decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<unknown> {
    this.#check(arguments, 3, "decrypt");
    return cipher("decrypt", algorithm, key, data);
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<unknown> {
    this.#check(arguments, 3, "sign");
    return cipher("sign", algorithm, key, data);
  }

  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<unknown> {
    this.#check(arguments, 4, "verify");
    const identifier = toAlgorithmIdentifier(algorithm);
    const id = idOfKey(key, "The key");
    const given = toBufferSource(signature, "The signature");
    const source = toBufferSource(data, "The data");
    const normalized = normalizeAlgorithm(identifier, "verify");
    return callCrypto("verify", normalized, id, given.copy(), source.copy());
  }

  async digest(algorithm: unknown, data: unknown): Promise<unknown> {
    this.#check(arguments, 2, "digest");
    const identifier = toAlgorithmIdentifier(algorithm);
    const source = toBufferSource(data, "The data");
    const normalized = normalizeAlgorithm(identifier, "digest");
    return callCrypto("digest", normalized, source.copy());
  }

  async generateKey(algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<unknown> {
    this.#check(arguments, 3, "generateKey");
    const identifier = toAlgorithmIdentifier(algorithm);
    const usages = toUsages(keyUsages);
    const normalized = normalizeAlgorithm(identifier, "generateKey");
    const made = await callCrypto("generateKey", normalized, Boolean(extractable), usages);
    const { key, publicKey, privateKey } = made as { [name: string]: KeyDescription };
    if (key !== undefined) return createKey(key);
    return { publicKey: toKey(publicKey), privateKey: toKey(privateKey) };
  }

  async deriveKey(
    algorithm: unknown,
    baseKey: unknown,
    derivedKeyType: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<CryptoKey> {
    this.#check(arguments, 5, "deriveKey");
    const identifier = toAlgorithmIdentifier(algorithm);
    const id = idOfKey(baseKey, "The base key");
    const derivedIdentifier = toAlgorithmIdentifier(derivedKeyType);
    const usages = toUsages(keyUsages);
    const normalized = normalizeAlgorithm(identifier, "deriveBits");
    const derived = {
      ...normalizeAlgorithm(derivedIdentifier, "importKey"),
      ...normalizeAlgorithm(derivedIdentifier, "get key length"),
    };
    return toKey(await callCrypto("deriveKey", normalized, id, derived, Boolean(extractable), usages));
  }

  async deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<unknown> {
    this.#check(arguments, 2, "deriveBits");
    const identifier = toAlgorithmIdentifier(algorithm);
    const id = idOfKey(baseKey, "The base key");
    const bits =
      length === null
        ? null
        : conversions["unsigned long"](length, { enforceRange: true, context: "The length" });
    return callCrypto("deriveBits", normalizeAlgorithm(identifier, "deriveBits"), id, bits);
  }

  async importKey(
    format: unknown,
    keyData: unknown,
    algorithm: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<CryptoKey> {
    this.#check(arguments, 5, "importKey");
    const as = toFormat(format);
    const source = isBufferSource(keyData) ? toBufferSource(keyData, "The key") : undefined;
    const jwk = source === undefined ? toJsonWebKey(keyData) : undefined;
    const identifier = toAlgorithmIdentifier(algorithm);
    const usages = toUsages(keyUsages);
    const normalized = normalizeAlgorithm(identifier, "importKey");
    const data = as === "jwk" ? jwk : source?.copy();
    if (data === undefined)
      throw new TypeError(
        `The key is ${source === undefined ? "an object" : "bytes"}, and its format ${as}.`,
      );
    return toKey(await callCrypto("importKey", as, data, normalized, Boolean(extractable), usages));
  }

  async exportKey(format: unknown, key: unknown): Promise<unknown> {
    this.#check(arguments, 2, "exportKey");
    return callCrypto("exportKey", toFormat(format), idOfKey(key, "The key"));
  }

  async wrapKey(
    format: unknown,
    key: unknown,
    wrappingKey: unknown,
    wrapAlgorithm: unknown,
  ): Promise<unknown> {
    this.#check(arguments, 4, "wrapKey");
    const as = toFormat(format);
    const id = idOfKey(key, "The key");
    const wrappingId = idOfKey(wrappingKey, "The wrapping key");
    const normalized = normalizeWrapping(wrapAlgorithm, "wrapKey", "encrypt");
    return callCrypto("wrapKey", as, id, wrappingId, normalized);
  }

  async unwrapKey(
    format: unknown,
    wrappedKey: unknown,
    unwrappingKey: unknown,
    unwrapAlgorithm: unknown,
    unwrappedKeyAlgorithm: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<CryptoKey> {
    this.#check(arguments, 7, "unwrapKey");
    const as = toFormat(format);
    const wrapped = toBufferSource(wrappedKey, "The wrapped key");
    const id = idOfKey(unwrappingKey, "The unwrapping key");
    const identifier = toAlgorithmIdentifier(unwrapAlgorithm);
    const keyIdentifier = toAlgorithmIdentifier(unwrappedKeyAlgorithm);
    const usages = toUsages(keyUsages);
    const normalized = normalizeWrapping(identifier, "unwrapKey", "decrypt");
    const algorithm = normalizeAlgorithm(keyIdentifier, "importKey");
    return toKey(
      await callCrypto(
        "unwrapKey",
        as,
        wrapped.copy(),
        id,
        normalized,
        algorithm,
        Boolean(extractable),
        usages,
      ),
    );
  }

  async getPublicKey(key: unknown, keyUsages: unknown): Promise<CryptoKey> {
    this.#check(arguments, 2, "getPublicKey");
    return toKey(await callCrypto("getPublicKey", idOfKey(key, "The key"), toUsages(keyUsages)));
  }

  async encapsulateBits(algorithm: unknown, encapsulationKey: unknown): Promise<unknown> {
    this.#check(arguments, 2, "encapsulateBits");
    const identifier = toAlgorithmIdentifier(algorithm);
    const id = idOfKey(encapsulationKey, "The encapsulation key");
    return callCrypto("encapsulateBits", normalizeAlgorithm(identifier, "encapsulate"), id);
  }

  async encapsulateKey(
    algorithm: unknown,
    encapsulationKey: unknown,
    sharedKeyAlgorithm: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<unknown> {
    this.#check(arguments, 5, "encapsulateKey");
    const identifier = toAlgorithmIdentifier(algorithm);
    const id = idOfKey(encapsulationKey, "The encapsulation key");
    const sharedIdentifier = toAlgorithmIdentifier(sharedKeyAlgorithm);
    const usages = toUsages(keyUsages);
    const normalized = normalizeAlgorithm(identifier, "encapsulate");
    const shared = normalizeAlgorithm(sharedIdentifier, "importKey");
    const made = await callCrypto("encapsulateKey", normalized, id, shared, Boolean(extractable), usages);
    const { sharedKey, ciphertext } = made as { sharedKey: unknown; ciphertext: ArrayBuffer };
    return { sharedKey: toKey(sharedKey), ciphertext };
  }

  async decapsulateBits(
    algorithm: unknown,
    decapsulationKey: unknown,
    ciphertext: unknown,
  ): Promise<unknown> {
    this.#check(arguments, 3, "decapsulateBits");
    const identifier = toAlgorithmIdentifier(algorithm);
    const id = idOfKey(decapsulationKey, "The decapsulation key");
    const source = toBufferSource(ciphertext, "The ciphertext");
    const normalized = normalizeAlgorithm(identifier, "decapsulate");
    return callCrypto("decapsulateBits", normalized, id, source.copy());
  }

  async decapsulateKey(
    algorithm: unknown,
    decapsulationKey: unknown,
    ciphertext: unknown,
    sharedKeyAlgorithm: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<CryptoKey> {
    this.#check(arguments, 6, "decapsulateKey");
    const identifier = toAlgorithmIdentifier(algorithm);
    const id = idOfKey(decapsulationKey, "The decapsulation key");
    const source = toBufferSource(ciphertext, "The ciphertext");
    const sharedIdentifier = toAlgorithmIdentifier(sharedKeyAlgorithm);
    const usages = toUsages(keyUsages);
    const normalized = normalizeAlgorithm(identifier, "decapsulate");
    const shared = normalizeAlgorithm(sharedIdentifier, "importKey");
    return toKey(
      await callCrypto("decapsulateKey", normalized, id, source.copy(), shared, Boolean(extractable), usages),
    );
  }

  #check(given: IArguments, needed: number, method: string): void {
    // Throws for any other object: a private field is a brand.
    if (this.#isReal) requireArguments(given.length, needed, `SubtleCrypto.${method}`);
  }
}

asInterface("SubtleCrypto", SubtleCrypto);

export const subtle = new SubtleCrypto(CONSTRUCTOR_KEY);

function cipher(
  operation: "encrypt" | "decrypt" | "sign",
  algorithm: unknown,
  key: unknown,
  data: unknown,
): Promise<unknown> {
  const identifier = toAlgorithmIdentifier(algorithm);
  const id = idOfKey(key, "The key");
  const source = toBufferSource(data, "The data");
  const normalized = normalizeAlgorithm(identifier, operation);
  return callCrypto(operation, normalized, id, source.copy());
}

/** An algorithm for wrapping. An algorithm without wrapping is read as one for encryption. */
function normalizeWrapping(value: unknown, wrapping: "wrapKey" | "unwrapKey", other: "encrypt" | "decrypt") {
  const identifier = toAlgorithmIdentifier(value);
  try {
    return normalizeAlgorithm(identifier, wrapping);
  } catch {
    return normalizeAlgorithm(identifier, other);
  }
}

function toKey(description: unknown): CryptoKey {
  return createKey(description as KeyDescription);
}

function toFormat(value: unknown): (typeof KEY_FORMATS)[number] {
  return toEnum(value, KEY_FORMATS, "The format");
}

function toUsages(value: unknown): Data[] {
  if (!isObject(value)) throw new TypeError("The usages are not iterable.");
  return Array.from(toSequence(value, "The usages"), (one) => toEnum(one, KEY_USAGES, "A usage"));
}
