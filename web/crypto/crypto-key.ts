/**
 * `CryptoKey`: the key itself lives in the host. The isolate has its number.
 *
 * I1  The number is in a private field: user code can neither read it nor make a key with another number.
 * I2  Clones share one handle. When the handle is collected, the host is told and forgets the key.
 */
import { showFields } from "../console/inspection.ts";
import { asInterface } from "../webidl/webidl.ts";
import { releaseKey } from "./host-crypto.ts";

/** The host's description of a key. */
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
 * Approximate cost of a key in the host. A key weighs as much in the isolate, so that the isolate's memory limit counts
 * keys and V8 collects them in time: V8 would be slow to collect objects of a few bytes.
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
    // Only this file has handles.
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

/** A second object for the same key, for `structuredClone`. Undefined for a value that is no key. */
export function cloneKey(value: unknown): CryptoKey | undefined {
  const handle = handleOf(value);
  return handle === undefined ? undefined : new CryptoKey(handle);
}

/** A key's description without its number. */
export function describeKey(value: unknown, context: string): { type: string; name: string; curve: string } {
  const handle = handleOf(value);
  if (handle === undefined) throw new TypeError(`${context} is not a CryptoKey.`);
  const { type, algorithm } = handle.description;
  return { type, name: algorithm.name, curve: String(algorithm.namedCurve ?? "") };
}

/** The host's number of a key. */
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
