/**
 * Web Cryptography for an isolate, by Node's own.
 *
 * I1  Keys stay here: the isolate has a number and a description of each (key-table.ts).
 * I2  Every argument is read strictly before Node sees it (arguments.ts), and what a call may cost is bounded (cost.ts).
 * I3  What takes time runs in the isolate's lane (lanes.ts); only what Node does on the spot anyway does not.
 */
import { webcrypto } from "node:crypto";
import { types } from "node:util";
import type { Data } from "../../../../web/index.ts";
import { type Measure, unmeasured } from "../../process/cpu-meter.ts";
import {
  type CallContext,
  CallError,
  type HostOperation,
  type HostOperations,
} from "../../process/host-calls.ts";
import { type Lane, poolLanes } from "../lanes.ts";
import { MAX_KEY_BYTES, readAlgorithm, readBytes, readFormat, readJwk, readUsages } from "./arguments.ts";
import { checkCost, checkDerivationCost } from "./cost.ts";
import { toCallError } from "./failure.ts";
import { createKeyTable } from "./key-table.ts";
import { digestAtOnce } from "./small-digest.ts";

type CryptoKey = webcrypto.CryptoKey;

/**
 * What one call may carry. The isolate holds it twice while it is sent, and so does the host, which copies it on its own
 * thread: 10 ms for so much.
 */
const MAX_INPUT_BYTES = 32 * 1024 * 1024;
/** What may wait and run for one isolate, at least; its platform keeps to less (web/crypto/host-crypto.ts). */
const MAX_OPEN_BYTES = 2 * MAX_INPUT_BYTES;

export interface CryptoOptions {
  /** Default: one of its own. */
  lane?: Lane;
  /** What the isolate may use: half as much may be under way here. */
  memoryMb?: number;
  /** Charges requests with the CPU time. Default: nothing is charged. */
  measure?: Measure | undefined;
}

/** Node's SubtleCrypto as it is called here: with arguments that were read, so without their types. */
const subtle = webcrypto.subtle as unknown as Record<string, (...values: unknown[]) => Promise<unknown>>;

async function perform(method: string, ...values: unknown[]): Promise<unknown> {
  const operation = subtle[method];
  if (operation === undefined) throw new CallError("NotSupportedError", `there is no ${method} here`);
  return Reflect.apply(operation, webcrypto.subtle, values);
}

/** The operations `crypto.*` for one isolate. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createCryptoOperations({
  lane = poolLanes.open(),
  memoryMb = 0,
  measure = unmeasured,
}: CryptoOptions = {}): HostOperations {
  const keys = createKeyTable();
  const maxOpenBytes = Math.max(MAX_OPEN_BYTES, memoryMb * 512 * 1024);
  let openBytes = 0;

  const algorithmOf = (value: unknown, maxBytes = MAX_KEY_BYTES) => readAlgorithm(value, keys, maxBytes);
  const data = (value: unknown) => readBytes(value, MAX_INPUT_BYTES);

  /** What Node does at once, on this thread. */
  const atOnce = ({ owner }: CallContext, method: string, ...values: unknown[]) =>
    measure(owner, "main", () => perform(method, ...values));

  /** Has a thread of the pool do it, when it is this isolate's turn. */
  const inLane = (context: CallContext, method: string, ...values: unknown[]) =>
    lane.run(() => measure(context.owner, "pool", () => perform(method, ...values)), context.signal);

  const addKey = (key: unknown, materialBytes = 0): Data => {
    const { type, extractable, algorithm, usages } = key as CryptoKey;
    const id = keys.add(key as CryptoKey, materialBytes);
    return { id, type, extractable, algorithm: describe(algorithm), usages: [...usages] };
  };

  const cipher =
    (method: string): HostOperation =>
    async ([algorithm, key, bytes], context) =>
      (await inLane(
        context,
        method,
        algorithmOf(algorithm, MAX_INPUT_BYTES),
        keys.get(key),
        data(bytes),
      )) as ArrayBuffer;

  const operations: Record<string, HostOperation> = {
    encrypt: cipher("encrypt"),
    decrypt: cipher("decrypt"),

    async sign([algorithm, key, bytes], context) {
      const parameters = algorithmOf(algorithm);
      checkCost(parameters);
      return (await inLane(context, "sign", parameters, keys.get(key), data(bytes))) as ArrayBuffer;
    },

    async verify([algorithm, key, signature, bytes], context) {
      const parameters = algorithmOf(algorithm);
      checkCost(parameters);
      const given = readBytes(signature, MAX_INPUT_BYTES);
      return (await inLane(context, "verify", parameters, keys.get(key), given, data(bytes))) === true;
    },

    async digest([algorithm, bytes], context) {
      const [parameters, message] = [algorithmOf(algorithm), data(bytes)];
      checkCost(parameters);
      const digest = digestAtOnce(parameters, message);
      return digest ?? ((await inLane(context, "digest", parameters, message)) as ArrayBuffer);
    },

    async generateKey([algorithm, extractable, usages], context) {
      const parameters = algorithmOf(algorithm);
      checkCost(parameters);
      keys.requireRoom();
      const made = await inLane(context, "generateKey", parameters, extractable === true, readUsages(usages));
      if (!isPair(made)) return { key: addKey(made, Number(parameters.length ?? 0) / 8) };
      return { publicKey: addKey(made.publicKey), privateKey: addKey(made.privateKey) };
    },

    async deriveKey([algorithm, key, derivedType, extractable, usages], context) {
      const [parameters, derived] = [algorithmOf(algorithm), algorithmOf(derivedType)];
      checkDerivationCost(parameters, derived);
      keys.requireRoom();
      const rest = [keys.get(key), derived, extractable === true, readUsages(usages)];
      return addKey(await inLane(context, "deriveKey", parameters, ...rest), Number(derived.length ?? 0) / 8);
    },

    async deriveBits([algorithm, key, length], context) {
      const parameters = algorithmOf(algorithm);
      const bits = length === null || length === undefined ? null : readCount(length);
      checkDerivationCost(parameters, bits);
      return (await inLane(context, "deriveBits", parameters, keys.get(key), bits)) as ArrayBuffer;
    },

    async importKey([format, material, algorithm, extractable, usages], context) {
      const as = readFormat(format);
      const parameters = algorithmOf(algorithm);
      checkCost(parameters);
      keys.requireRoom();
      const rest = [parameters, extractable === true, readUsages(usages)];
      if (as === "jwk") {
        const { jwk, materialBytes } = readJwk(material);
        return addKey(await atOnce(context, "importKey", as, jwk, ...rest), materialBytes);
      }
      const bytes = readBytes(material, MAX_KEY_BYTES);
      return addKey(await atOnce(context, "importKey", as, bytes, ...rest), bytes.length);
    },

    async exportKey([format, key], context) {
      const exported = await atOnce(context, "exportKey", readFormat(format), keys.get(key));
      return types.isArrayBuffer(exported) ? exported : (readJwk(exported).jwk as Data);
    },

    async wrapKey([format, key, wrappingKey, algorithm], context) {
      const rest = [keys.get(key), keys.get(wrappingKey), algorithmOf(algorithm)];
      return (await inLane(context, "wrapKey", readFormat(format), ...rest)) as ArrayBuffer;
    },

    async unwrapKey([format, wrapped, key, algorithm, keyAlgorithm, extractable, usages], context) {
      const bytes = readBytes(wrapped, 2 * MAX_KEY_BYTES);
      const parameters = algorithmOf(keyAlgorithm);
      checkCost(parameters);
      keys.requireRoom();
      const rest = [
        keys.get(key),
        algorithmOf(algorithm),
        parameters,
        extractable === true,
        readUsages(usages),
      ];
      return addKey(await inLane(context, "unwrapKey", readFormat(format), bytes, ...rest), bytes.length);
    },

    async getPublicKey([key, usages], context) {
      keys.requireRoom();
      return addKey(await atOnce(context, "getPublicKey", keys.get(key), readUsages(usages)));
    },

    async encapsulateBits([algorithm, key], context) {
      const made = await inLane(context, "encapsulateBits", algorithmOf(algorithm), keys.get(key));
      const { sharedKey, ciphertext } = made as { sharedKey: ArrayBuffer; ciphertext: ArrayBuffer };
      return { sharedKey, ciphertext };
    },

    async encapsulateKey([algorithm, key, sharedAlgorithm, extractable, usages], context) {
      const shared = algorithmOf(sharedAlgorithm);
      checkCost(shared);
      keys.requireRoom();
      const rest = [keys.get(key), shared, extractable === true, readUsages(usages)];
      const made = await inLane(context, "encapsulateKey", algorithmOf(algorithm), ...rest);
      const { sharedKey, ciphertext } = made as { sharedKey: unknown; ciphertext: ArrayBuffer };
      return { sharedKey: addKey(sharedKey), ciphertext };
    },

    async decapsulateBits([algorithm, key, ciphertext], context) {
      const rest = [keys.get(key), readBytes(ciphertext, MAX_KEY_BYTES)];
      return (await inLane(context, "decapsulateBits", algorithmOf(algorithm), ...rest)) as ArrayBuffer;
    },

    async decapsulateKey([algorithm, key, ciphertext, sharedAlgorithm, extractable, usages], context) {
      const shared = algorithmOf(sharedAlgorithm);
      checkCost(shared);
      keys.requireRoom();
      const bytes = readBytes(ciphertext, MAX_KEY_BYTES);
      const rest = [keys.get(key), bytes, shared, extractable === true, readUsages(usages)];
      return addKey(await inLane(context, "decapsulateKey", algorithmOf(algorithm), ...rest));
    },
  };

  /** Counts what is open, and answers failures in the isolate's terms. */
  const guarded =
    (operation: HostOperation): HostOperation =>
    async (values, context) => {
      const bytes = byteLengthOf(values);
      if (openBytes + bytes > maxOpenBytes)
        throw new CallError("QuotaExceededError", `more than ${maxOpenBytes} bytes are under way`);
      openBytes += bytes;
      try {
        return await operation(values, context);
      } catch (error) {
        throw toCallError(error);
      } finally {
        openBytes -= bytes;
      }
    };

  const release: HostOperation = ([ids]) => {
    if (Array.isArray(ids)) for (const id of ids) keys.release(id);
    return undefined;
  };

  return Object.fromEntries([
    ...Object.entries(operations).map(([name, operation]) => [`crypto.${name}`, guarded(operation)]),
    ["crypto.release", release],
  ]) as HostOperations;
}

function isPair(made: unknown): made is { publicKey: CryptoKey; privateKey: CryptoKey } {
  return (made as { publicKey?: unknown }).publicKey !== undefined;
}

/** A key's algorithm as data: its hash has a name, its exponent is bytes. */
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

function readCount(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new CallError("TypeError", "an integer of 32 bits was expected");
  return value;
}

/** Of what is nested no deeper than honest arguments are. */
function byteLengthOf(value: unknown, depth = 0): number {
  if (types.isArrayBuffer(value)) return value.byteLength;
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null || depth > 4) return 0;
  return Object.values(value).reduce<number>((sum, part) => sum + byteLengthOf(part, depth + 1), 0);
}
