import { webcrypto } from "node:crypto";
import type { Data } from "../../../../web/index.ts";
import type { Measure } from "../../process/cpu-meter.ts";
import { type CallContext, CallError } from "../../process/host-calls.ts";
import type { Lane } from "../lanes.ts";
import { type AlgorithmArgument, MAX_KEY_BYTES, readAlgorithm, readBytes } from "./arguments.ts";
import { createKeyTable } from "./key-table.ts";

type CryptoKey = webcrypto.CryptoKey;

/**
 * Upper bound of the bytes in one call. The isolate holds them twice while it sends them, and so does the host, which copies
 * them on its own thread: 10 ms for this many.
 */
export const MAX_INPUT_BYTES = 32 * 1024 * 1024;

/** Node's SubtleCrypto without its types: its arguments are read one by one (arguments.ts). */
const subtle = webcrypto.subtle as unknown as Record<string, (...values: unknown[]) => Promise<unknown>>;

/** One isolate's keys, and its calls of Node's Web Cryptography. */
export class IsolateCrypto {
  readonly keys = createKeyTable();
  readonly #lane: Lane;
  readonly #measure: Measure;

  constructor({ lane, measure }: { lane: Lane; measure: Measure }) {
    this.#lane = lane;
    this.#measure = measure;
  }

  /** `maxBytes` is the upper bound of each buffer in the parameters. */
  readAlgorithm(value: unknown, maxBytes = MAX_KEY_BYTES): AlgorithmArgument {
    return readAlgorithm(value, this.keys, maxBytes);
  }

  readData(value: unknown): Uint8Array<ArrayBuffer> {
    return readBytes(value, MAX_INPUT_BYTES);
  }

  /** Calls a method that Node carries out on this thread. */
  callAtOnce({ owner }: CallContext, method: string, ...values: unknown[]): Promise<unknown> {
    return this.#measure(owner, "main", () => call(method, values));
  }

  /** Calls a method that takes a thread of the pool, in its turn. */
  callInLane({ owner, signal }: CallContext, method: string, ...values: unknown[]): Promise<unknown> {
    return this.#lane.run(() => this.#measure(owner, "pool", () => call(method, values)), signal);
  }

  /** Keeps a key, and describes it for the isolate. */
  addKey(key: unknown, materialBytes = 0): Data {
    const { type, extractable, algorithm, usages } = key as CryptoKey;
    const id = this.keys.add(key as CryptoKey, materialBytes);
    return { id, type, extractable, algorithm: describe(algorithm), usages: [...usages] };
  }
}

async function call(method: string, values: unknown[]): Promise<unknown> {
  const operation = subtle[method];
  if (operation === undefined) throw new CallError("NotSupportedError", `there is no ${method} here`);
  return Reflect.apply(operation, webcrypto.subtle, values);
}

/** A key's algorithm as data: the hash by its name, the exponent as bytes. */
function describe(algorithm: object): Data {
  const { publicExponent, hash, ...rest } = algorithm as Record<string, Data> & {
    publicExponent?: Uint8Array<ArrayBuffer>;
    hash?: { name: string };
  };
  return {
    ...rest,
    ...(publicExponent === undefined ? {} : { publicExponent: publicExponent.slice().buffer }),
    ...(hash === undefined ? {} : { hash: { name: hash.name } }),
  };
}
