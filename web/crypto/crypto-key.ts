/**
 * `CryptoKey`: the key itself lives in the host, here is its number.
 *
 * I1  The number is in a private field: user code can neither read it nor make a key of another.
 * I2  Clones share one handle; when it is collected the host hears of it, and forgets the key.
 */
import { showFields } from "../console/inspection.ts";
import { asInterface } from "../webidl/webidl.ts";
import { releaseKey } from "./host-crypto.ts";

/** What the host says of a key. */
export interface KeyDescription {
  id: number;
  type: "public" | "private" | "secret";
  extractable: boolean;
  algorithm: KeyAlgorithm;
  usages: string[];
}

interface KeyAlgorithm {
  name: string;
  hash?: { name: string };
  publicExponent?: ArrayBuffer;
  [member: string]: unknown;
}

/**
 * What a key costs in the host, about. It weighs as much here, so that the isolate's own memory limit counts it and V8
 * collects keys before there are too many: for an object of a few bytes it would not hurry.
 */
const KEY_COST_BYTES = 4_096;

class KeyHandle {
  readonly description: KeyDescription;
  readonly #weight = new ArrayBuffer(KEY_COST_BYTES);

  constructor(description: KeyDescription) {
    this.description = description;
  }

  static is(value: unknown): value is KeyHandle {
    return typeof value === "object" && value !== null && #weight in value;
  }
}

// A snapshot cannot hold a registry, and user code may replace the class.
const Registry = FinalizationRegistry;
let registry: FinalizationRegistry<number> | undefined;

let handleOf: (value: unknown) => KeyHandle | undefined;

export class CryptoKey {
  readonly #handle: KeyHandle;
  #algorithm: object | undefined;
  #usages: string[] | undefined;

  constructor(...given: unknown[]) {
    const [handle] = given;
    // Nobody outside of this file has a handle.
    if (!KeyHandle.is(handle)) throw new TypeError("Illegal constructor");
    this.#handle = handle;
  }

  get type(): string {
    return this.#handle.description.type;
  }

  get extractable(): boolean {
    return this.#handle.description.extractable;
  }

  get algorithm(): object {
    this.#algorithm ??= algorithmObject(this.#handle.description.algorithm);
    return this.#algorithm;
  }

  get usages(): string[] {
    this.#usages ??= [...this.#handle.description.usages];
    return this.#usages;
  }

  static {
    handleOf = (value) =>
      typeof value === "object" && value !== null && #handle in value ? value.#handle : undefined;
  }
}

asInterface("CryptoKey", CryptoKey);
showFields(CryptoKey, "CryptoKey", ({ type, extractable, algorithm, usages }) => ({
  type,
  extractable,
  algorithm,
  usages,
}));

export function createKey(description: KeyDescription): CryptoKey {
  const handle = new KeyHandle(description);
  registry ??= new Registry(releaseKey);
  registry.register(handle, description.id);
  return new CryptoKey(handle);
}

/** Another object for the same key, as `structuredClone` makes it; undefined: it is no key. */
export function cloneKey(value: unknown): CryptoKey | undefined {
  const handle = handleOf(value);
  return handle === undefined ? undefined : new CryptoKey(handle);
}

/** What a key is, without the number. */
export function describeKey(value: unknown, context: string): { type: string; name: string; curve: string } {
  const handle = handleOf(value);
  if (handle === undefined) throw new TypeError(`${context} is not a CryptoKey.`);
  const { type, algorithm } = handle.description;
  return { type, name: algorithm.name, curve: String(algorithm.namedCurve ?? "") };
}

/** The number by which the host knows a key. */
export function idOfKey(value: unknown, context: string): number {
  const handle = handleOf(value);
  if (handle === undefined) throw new TypeError(`${context} is not a CryptoKey.`);
  return handle.description.id;
}

function algorithmObject({ publicExponent, hash, ...rest }: KeyAlgorithm): object {
  return {
    ...rest,
    ...(publicExponent === undefined ? {} : { publicExponent: new Uint8Array(publicExponent.slice(0)) }),
    ...(hash === undefined ? {} : { hash: { ...hash } }),
  };
}
